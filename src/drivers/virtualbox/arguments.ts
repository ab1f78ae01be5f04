import type { NetworkKind } from '../../model/hypervisor';

/** One VM as VirtualBox has to make it. Paths and names are literal; see {@link renderVboxmanageScript} for others. */
export interface VirtualBoxMachine {
  readonly name: string;
  /** The appliance (OVA) that it is imported from. */
  readonly imagePath: string;
  /** Directory that holds this machine's directory and nothing else. */
  readonly baseFolder: string;
  readonly owner: OwnerTag;
  readonly hardware: MachineHardware;
  /** Name of the SATA controller that the appliance brings. */
  readonly controller: string;
  /** The NoCloud seed (ISO). */
  readonly seedPath: string;
}

/** What can change while a machine is off. */
export interface MachineHardware {
  readonly name: string;
  readonly cpus: number;
  readonly memoryMib: number;
  /** `52:54:00:12:34:56` */
  readonly mac: string;
  readonly network: NetworkKind;
  /** Adapter of a bridged machine, null otherwise. */
  readonly bridgeAdapter: string | null;
  /** File that gets what the guest writes to its first serial port. */
  readonly consoleLog: string;
}

/** Owner of a machine. `machine` is its own UUID: a clone has the tag of its original, and another UUID. */
export interface OwnerTag {
  readonly fleet: string;
  readonly vm: string;
  readonly image: string;
  readonly machine: string;
}

/** Extradata key of the owner tag. */
export const OWNER_KEY = 'buildfleet/owner';

/** Controller of an appliance with one SATA disk, as VirtualBox names it unless the appliance says otherwise. */
export const SATA_CONTROLLER = 'SATA Controller';

/** The disk has port 0. */
const SEED_PORT = 1;

export function formatOwnerTag({ fleet, vm, image, machine }: OwnerTag): string {
  return `fleet=${fleet} vm=${vm} image=${image} machine=${machine}`;
}

/** @returns undefined for a text that {@link formatOwnerTag} did not make */
export function parseOwnerTag(text: string): OwnerTag | undefined {
  const [, fleet, vm, image, machine] = /^fleet=(\S+) vm=(\S+) image=(\S+) machine=(\S+)$/.exec(text) ?? [];
  if (fleet === undefined || vm === undefined || image === undefined || machine === undefined) return undefined;
  return { fleet, vm, image, machine };
}

export function importArguments({ imagePath, name, baseFolder, hardware }: VirtualBoxMachine): string[] {
  const { memoryMib, cpus } = hardware;
  return [
    ...['import', imagePath, '--vsys', '0', '--vmname', name, '--basefolder', baseFolder],
    ...['--memory', String(memoryMib), '--cpus', String(cpus)],
  ];
}

export function tagArguments(tag: OwnerTag): string[] {
  return ['setextradata', tag.machine, OWNER_KEY, formatOwnerTag(tag)];
}

/** Spelled as VirtualBox 7.0 and later spell it. */
export function hardwareArguments(machine: string, hardware: MachineHardware): string[] {
  const { name, cpus, memoryMib, mac, network, bridgeAdapter, consoleLog } = hardware;
  const attachment =
    network === 'bridged'
      ? ['--nic1', 'bridged', '--bridge-adapter1', bridgeAdapter ?? 'none']
      : // 10.0.2.2 is otherwise every address of the host but its loopback, where the relay and the hub listen
        ['--nic1', 'nat', '--nat-localhostreachable1', 'on'];
  return [
    ...['modifyvm', machine, '--name', name, '--cpus', String(cpus), '--memory', String(memoryMib)],
    ...[...attachment, '--nic-type1', 'virtio', '--mac-address1', mac.replaceAll(':', '').toUpperCase()],
    ...['--cable-connected1', 'on', '--rtc-use-utc', 'on'],
    // The seed is a CD, and a CD must not be booted from.
    ...['--boot1', 'disk', '--boot2', 'none', '--boot3', 'none', '--boot4', 'none'],
    ...['--graphicscontroller', 'vmsvga', '--vram', '16', '--audio-enabled', 'off', '--mouse', 'ps2'],
    ...['--keyboard', 'ps2', '--usb-ohci', 'off', '--usb-ehci', 'off', '--usb-xhci', 'off'],
    ...['--uart1', '0x3F8', '4', '--uart-mode1', 'file', consoleLog],
  ];
}

/** Makes room for the seed's drive. */
export function portsArguments(machine: string, controller: string): string[] {
  return ['storagectl', machine, '--name', controller, '--portcount', String(SEED_PORT + 1)];
}

export function attachSeedArguments(machine: string, controller: string, seedPath: string): string[] {
  return seedDrive(machine, controller, '--medium', seedPath);
}

/** Also while the machine runs, whether the guest has locked the drive or not. */
export function ejectSeedArguments(machine: string, controller: string): string[] {
  return seedDrive(machine, controller, '--medium', 'emptydrive', '--forceunmount');
}

function seedDrive(machine: string, controller: string, ...medium: string[]): string[] {
  return [
    ...['storageattach', machine, '--storagectl', controller, '--port', String(SEED_PORT), '--device', '0'],
    ...['--type', 'dvddrive', ...medium],
  ];
}

/** @param medium UUID or path */
export function deleteSeedArguments(medium: string): string[] {
  return deleteMediumArguments('dvd', medium);
}

export type MediumType = 'disk' | 'dvd';

/** @param medium UUID or path */
export function deleteMediumArguments(type: MediumType, medium: string): string[] {
  return [...forgetMediumArguments(type, medium), '--delete'];
}

/** Leaves the file alone. @param medium UUID or path */
export function forgetMediumArguments(type: MediumType, medium: string): string[] {
  return ['closemedium', type, medium];
}

/** Leaves the medium itself alone. */
export function detachArguments(
  machine: string,
  { controller, port, device }: { readonly controller: string; readonly port: number; readonly device: number },
): string[] {
  return [
    ...['storageattach', machine, '--storagectl', controller, '--port', String(port), '--device', String(device)],
    ...['--medium', 'none'],
  ];
}

/** Leaves all files of the machine alone. */
export function forgetMachineArguments(machine: string): string[] {
  return ['unregistervm', machine];
}

/** Deletes the machine's files, and every disk that is attached to it. */
export function deleteMachineArguments(machine: string): string[] {
  return [...forgetMachineArguments(machine), '--delete'];
}

export function startArguments(machine: string): string[] {
  return ['startvm', machine, '--type', 'headless'];
}

/** Controls a machine that is on. */
export function controlArguments(machine: string, command: 'resume' | 'acpipowerbutton' | 'poweroff'): string[] {
  return ['controlvm', machine, command];
}

/** Drops the saved state of a machine. */
export function discardStateArguments(machine: string): string[] {
  return ['discardstate', machine];
}

/** One machine, as programs read it. */
export function showArguments(machine: string): string[] {
  return ['showvminfo', machine, '--machinereadable'];
}

const LISTS = {
  machines: ['vms'],
  /** With state and configuration file. */
  machineDetails: ['-l', 'vms'],
  disks: ['hdds'],
  dvds: ['dvds'],
  /** Adapters of the host that a machine can be bridged to. */
  bridgeAdapters: ['bridgedifs'],
} as const;

export function listArguments(list: keyof typeof LISTS): string[] {
  return ['list', ...LISTS[list]];
}

export const VERSION_ARGUMENTS: readonly string[] = ['--version'];

/** Commands of a first deploy, in their order. */
export interface FirstDeploy {
  /** Makes the machine, whose UUID is known only afterwards. */
  readonly create: readonly (readonly string[])[];
  readonly configure: readonly (readonly string[])[];
  readonly start: readonly (readonly string[])[];
  /** Once the VM is ready. */
  readonly removeSeed: readonly (readonly string[])[];
}

export function firstDeploy(machine: VirtualBoxMachine): FirstDeploy {
  const { owner, hardware, controller, seedPath } = machine;
  return {
    create: [importArguments(machine)],
    configure: [
      tagArguments(owner),
      hardwareArguments(owner.machine, hardware),
      portsArguments(owner.machine, controller),
      attachSeedArguments(owner.machine, controller, seedPath),
    ],
    start: [startArguments(owner.machine)],
    removeSeed: [ejectSeedArguments(owner.machine, controller), deleteSeedArguments(seedPath)],
  };
}

/** Files of one machine, below the VM's directory. */
export function machineFiles(vmDirectory: string): Pick<VirtualBoxMachine, 'baseFolder' | 'seedPath'> & {
  readonly consoleLog: string;
} {
  return {
    baseFolder: `${vmDirectory}/virtualbox`,
    seedPath: `${vmDirectory}/seed.iso`,
    consoleLog: `${vmDirectory}/console.log`,
  };
}
