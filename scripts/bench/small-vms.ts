import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { run } from '../../src/process/run';
import type { VmSpec } from '../../src/drivers/driver';
import { QemuDriver } from '../../src/drivers/qemu/driver';
import { DISK_FILE } from '../../src/drivers/qemu/discovery';
import { vmUuid } from '../../src/provider/resources/vm/vm-uuid';
import type { BenchFleet } from './bench-fleet';
import { parseState, type ResourceChange } from './terraform';

const FLEET = 'fleet';

/** `cli; hlt; jmp .-2` and the mark of a boot sector: the guest runs and needs no CPU time. */
const HALTING_BOOT_SECTOR = Buffer.alloc(512);
HALTING_BOOT_SECTOR.set([0xfa, 0xf4, 0xeb, 0xfd]);
HALTING_BOOT_SECTOR.set([0x55, 0xaa], 510);

const vmSchema = z.looseObject({
  name: z.string(),
  image_path: z.string(),
  image_hash: z.string(),
  identity: z.object({ host_fingerprint: z.string(), tunnel_fingerprint: z.string() }),
  cpus: z.number(),
  memory_mib: z.number(),
  mac: z.string(),
  relay: z.object({ port: z.number() }),
});

/**
 * Makes real what the fleet declares and is not there yet, with VMs that run but never boot a system: their readiness
 * is all that is left out. Terraform's state of a VM is then its plan.
 *
 * @param make makes one VM as it shall be found
 */
export async function deploySmallVms(
  fleet: BenchFleet,
  signal: AbortSignal,
  make = (spec: VmSpec) => startHalting(fleet, spec, signal),
): Promise<void> {
  const addresses = [...fleet.declared().keys()];
  await fleet.terraform.apply(addresses.filter((address) => !/^(buildfleet_vm|null_resource)\./.test(address)));
  const isNewVm = ({ type, change }: ResourceChange) => type === 'buildfleet_vm' && change.actions[0] === 'create';
  const vms = (await fleet.terraform.changes()).filter(isNewVm);
  for (const vm of vms) await make(vmSpec(vm));
  addToState(fleet, vms);
  await withoutSmokeTest(fleet, async () => {
    const { stdout } = await fleet.terraform.apply();
    if (!stdout.includes(' 0 changed, 0 destroyed.')) throw new Error(`more than smoke tests were left:\n${stdout}`);
  });
}

async function startHalting(fleet: BenchFleet, spec: VmSpec, signal: AbortSignal): Promise<void> {
  const { paths, home } = fleet.project;
  const driver = new QemuDriver({ paths, run, accelerator: () => Promise.resolve('tcg') });
  await driver.create(spec, signal);
  writeFileSync(join(home, 'boot-sector'), HALTING_BOOT_SECTOR);
  // qemu-io has no quotes for its file names
  const write = ['-f', 'qcow2', '-c', 'write -q -s boot-sector 0 512', join(paths.vm(spec.name), DISK_FILE)];
  await run('qemu-io', write, { cwd: home, signal });
  await driver.start(spec, signal);
  await driver.confirmBoot(spec, signal);
}

function vmSpec({ change }: ResourceChange): VmSpec {
  const vm = vmSchema.parse(change.after);
  const { name, image_path: imagePath, image_hash: imageHash, cpus, memory_mib: memoryMib, mac, identity, relay } = vm;
  const { host_fingerprint: hostFingerprint, tunnel_fingerprint: tunnelFingerprint } = identity;
  const uuid = vmUuid({ fleet: FLEET, name, imageHash, hostFingerprint, tunnelFingerprint });
  const network = {
    network: 'nat',
    bridgeAdapter: null,
    userNetwork: 'isolated',
    relayPort: relay.port,
    isWarm: false,
  } as const;
  return { name, uuid, fleet: FLEET, imagePath, imageHash, cpus, memoryMib, mac, ...network };
}

/** As Terraform would write it after it created them. */
function addToState(fleet: BenchFleet, vms: readonly ResourceChange[]): void {
  const state = parseState(fleet.project.state());
  const added = vms.map((vm) => ({
    mode: 'managed',
    type: vm.type,
    name: vm.name,
    provider: `provider["${vm.provider_name}"]`,
    instances: [
      {
        schema_version: 0,
        // what is known only after a VM was made
        attributes: { ...vm.change.after, id: vmSpec(vm).uuid, problem: '' },
        sensitive_attributes: [],
      },
    ],
  }));
  const next = { ...state, serial: state.serial + 1, resources: [...state.resources, ...added] };
  writeFileSync(join(fleet.project.directory, 'terraform.fleet.tfstate'), JSON.stringify(next, null, 2));
}

async function withoutSmokeTest(fleet: BenchFleet, body: () => Promise<void>): Promise<void> {
  const script = join(fleet.terraform.path, 'smoke-test.sh');
  const text = readFileSync(script);
  writeFileSync(script, 'exit 0\n');
  try {
    await body();
  } finally {
    writeFileSync(script, text);
  }
}
