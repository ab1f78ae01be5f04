import type { UserNetwork } from '../../model/hypervisor';
import { isMakingNamespace } from './user-network';

/** Parameters of one QEMU process. */
export interface QemuMachine {
  readonly name: string;
  readonly uuid: string;
  /** Owner tag, readable in the process's own argv. */
  readonly fleet: string;
  /** Absolute path of the VM's own disk (qcow2); with name and fleet it identifies the VM's process. */
  readonly diskPath: string;
  /** Absolute path of the NoCloud seed (ISO), or undefined for an empty CD drive. */
  readonly seedPath: string | undefined;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly mac: string;
  readonly accelerator: 'kvm' | 'tcg';
  /** Whether it is started in a network namespace of its own, as `user-network.ts` makes it. */
  readonly userNetwork: UserNetwork;
  /** Halt before the first instruction, to be continued through QMP. Default false. */
  readonly startHalted?: boolean;
  /** What a template of snapshots and a VM that is resumed from one have beyond others. */
  readonly snapshot?: SnapshotMachine;
}

/** The part of a machine that makes it the template of a snapshot, or one that is resumed from it. */
export interface SnapshotMachine {
  readonly role: 'template' | 'resumed';
  /** Absolute path of the file with the memory: a template's is written, a resumed machine's stays as it is. */
  readonly memoryPath: string;
}

/** Parameters that can be read back from the argv of a buildfleet QEMU. */
export type QemuMachineSeen = Pick<
  QemuMachine,
  'name' | 'uuid' | 'fleet' | 'diskPath' | 'seedPath' | 'cpus' | 'memoryMib' | 'mac' | 'userNetwork'
>;

/** File names inside a VM's directory, which is the working directory of its QEMU. */
export const QEMU_FILES = {
  console: 'console.log',
  control: 'qmp.sock',
  identity: 'identity.sock',
  incoming: 'incoming.sock',
} as const;

/** QMP names of devices that can be removed while the VM runs. */
export const SEED_DRIVE = 'seed-drive';
export const SEED_NODE = 'seed';

/** By this name the guest finds the port through which it is given an identity. */
const IDENTITY_PORT = 'org.buildfleet.identity';

/** Tells the guest that it is a template; systemd makes a credential of it. */
const TEMPLATE = 'io.systemd.credential:buildfleet.template=1';

const OWNER_TAG = 'opt/buildfleet/fleet';

/** Tells a process that is in a namespace of its own from one of a version that knew none. */
const ISOLATION = 'name=opt/buildfleet/user-network,string=isolated';

/**
 * Arguments of `qemu-system-x86_64` for one VM. The process MUST be started in the VM's directory: socket and log are
 * relative, because a unix socket address holds no more than 107 bytes.
 */
export function qemuArguments(machine: QemuMachine): string[] {
  return [
    ...['-name', `guest=${machine.name}`, '-uuid', machine.uuid],
    ...['-fw_cfg', `name=${OWNER_TAG},string=${machine.fleet}`],
    ...(machine.userNetwork === 'isolated' ? ['-fw_cfg', ISOLATION] : []),
    ...['-no-user-config', '-nodefaults', '-display', 'none'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...['-machine', `type=q35,usb=off,vmport=off${machine.snapshot ? ',memory-backend=ram' : ''}`],
    ...['-accel', machine.accelerator, '-cpu', cpuModel(machine.accelerator)],
    ...['-smp', `cpus=${machine.cpus}`, '-m', `size=${machine.memoryMib}M`],
    ...memoryArguments(machine),
    ...diskArguments(machine.diskPath),
    ...seedArguments(machine),
    ...['-netdev', `user,id=net${machine.snapshot?.role === 'template' ? ',restrict=on' : ''}`],
    // Without its ROM the firmware does not try to boot from the network.
    ...['-device', `virtio-net-pci,netdev=net,mac=${machine.mac},romfile=`],
    ...['-device', 'virtio-rng-pci'],
    ...['-chardev', `file,id=console,path=${QEMU_FILES.console},append=on`, '-serial', 'chardev:console'],
    ...['-chardev', `socket,id=control,path=${QEMU_FILES.control},server=on,wait=off`],
    ...['-mon', 'chardev=control,mode=control'],
    // A guest that resets while it boots has panicked; once it is known to be up, QMP allows it to reboot. A panic
    // that the guest can report stops it, so that nothing loops unseen.
    ...['-device', 'pvpanic-pci', '-action', 'reboot=shutdown,panic=pause'],
    ...snapshotArguments(machine),
    ...(machine.startHalted === true ? ['-S'] : []),
  ];
}

/** Memory of a resumed machine is shared with all of its snapshot until it is written. */
function memoryArguments({ snapshot, memoryMib }: QemuMachine): string[] {
  if (!snapshot) return [];
  const path = snapshot.memoryPath.replaceAll(',', ',,');
  const share = snapshot.role === 'template' ? 'on' : 'off';
  return ['-object', `memory-backend-file,id=ram,size=${memoryMib}M,mem-path=${path},share=${share}`];
}

/** Last, so that all other devices have the addresses that they have without. A template and its VMs have the same. */
function snapshotArguments({ snapshot }: QemuMachine): string[] {
  if (!snapshot) return [];
  return [
    // Another one than before makes the guest's kernel draw new random numbers.
    ...['-device', 'vmgenid,guid=auto'],
    ...[
      '-device',
      'virtio-serial-pci',
      '-chardev',
      `socket,id=identity,path=${QEMU_FILES.identity},server=on,wait=off`,
    ],
    ...['-device', `virtserialport,chardev=identity,name=${IDENTITY_PORT}`],
    ...(snapshot.role === 'template' ? ['-smbios', `type=11,value=${TEMPLATE}`] : ['-incoming', 'defer']),
  ];
}

function cpuModel(accelerator: QemuMachine['accelerator']): string {
  // TCG's cmpxchg16b is broken in QEMU 7.2: a Linux 6.12 guest that uses it dies at random, often while it boots.
  return accelerator === 'kvm' ? 'host' : 'qemu64,-cx16';
}

function diskArguments(path: string): string[] {
  const node = { driver: 'qcow2', 'node-name': 'disk', discard: 'unmap', file: { driver: 'file', filename: path } };
  return ['-blockdev', JSON.stringify(node), '-device', 'virtio-blk-pci,id=disk-drive,drive=disk,bootindex=1'];
}

function seedArguments({ seedPath: path, snapshot }: QemuMachine): string[] {
  const drive = `ide-cd,id=${SEED_DRIVE},bus=ide.0`;
  if (path === undefined) return snapshot ? ['-device', drive] : [];
  const node = {
    driver: 'raw',
    'node-name': SEED_NODE,
    'read-only': true,
    file: { driver: 'file', filename: path },
  };
  return ['-blockdev', JSON.stringify(node), '-device', `${drive},drive=${SEED_NODE}`];
}

/**
 * Reads back what {@link qemuArguments} wrote, from the argv of a running process (`/proc/<pid>/cmdline`).
 *
 * @returns undefined for every process that was not started with these arguments, foreign QEMUs included.
 */
export function readQemuArguments(argv: readonly string[]): QemuMachineSeen | undefined {
  // Its own arguments contain QEMU's.
  if (isMakingNamespace(argv)) return undefined;
  const name = /^guest=([^,]+)$/.exec(valueAfter(argv, '-name'))?.[1];
  const fleet = argv
    .map((argument) => new RegExp(`^name=${OWNER_TAG},string=([^,]+)$`).exec(argument)?.[1])
    .find((tag) => tag !== undefined);
  const cpus = Number(/^cpus=(\d+)$/.exec(valueAfter(argv, '-smp'))?.[1]);
  const memoryMib = Number(/^size=(\d+)M$/.exec(valueAfter(argv, '-m'))?.[1]);
  const uuid = valueAfter(argv, '-uuid');
  const mac = argv
    .map((argument) => /^virtio-net-pci,.*mac=([^,]+)/.exec(argument)?.[1])
    .find((seen) => seen !== undefined);
  const diskPath = nodeFile(argv, 'disk');
  if (name === undefined || fleet === undefined || mac === undefined || diskPath === undefined) return undefined;
  if (uuid === '' || Number.isNaN(cpus) || Number.isNaN(memoryMib)) return undefined;
  const userNetwork = argv.includes(ISOLATION) ? 'isolated' : 'open';
  return { name, uuid, fleet, diskPath, seedPath: nodeFile(argv, SEED_NODE), cpus, memoryMib, mac, userNetwork };
}

function valueAfter(argv: readonly string[], option: string): string {
  const index = argv.indexOf(option);
  return index === -1 ? '' : (argv[index + 1] ?? '');
}

function nodeFile(argv: readonly string[], nodeName: string): string | undefined {
  for (const argument of argv) {
    if (!argument.startsWith('{')) continue;
    const node = parseNode(argument);
    if (node?.['node-name'] === nodeName) return node.file?.filename;
  }
  return undefined;
}

function parseNode(text: string): { 'node-name'?: string; file?: { filename?: string } } | undefined {
  try {
    return JSON.parse(text) as { 'node-name'?: string; file?: { filename?: string } };
  } catch {
    return undefined;
  }
}
