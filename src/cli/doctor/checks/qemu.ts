import { join } from 'node:path';
import { ACCELERATOR_FILE } from '../../../drivers/qemu/accelerator';
import { note, ok, type Observation, problem, warning } from '../finding';
import { needsHypervisor } from '../images';
import type { Machine } from '../machine';
import { ask, versionIn } from '../program';
import type { Subject } from '../subject';

const INSTALL = 'apt-get install qemu-system-x86 qemu-utils';

export async function checkQemu(machine: Machine, subject: Subject): Promise<Observation[]> {
  const missing = needsHypervisor(machine, subject, 'qemu') ? problem : note;
  const [system, image] = await Promise.all(
    ['qemu-system-x86_64', 'qemu-img'].map((program) => ask(machine, program, ['--version'])),
  );
  if (system?.status === 'missing') return [missing('qemu-system-x86_64 is not installed', INSTALL)];
  if (image?.status === 'missing') return [missing('qemu-img is not installed', INSTALL)];
  for (const answer of [system, image])
    if (answer?.status === 'failed') return [missing(`qemu does not work: ${answer.reason}`, INSTALL)];
  return [ok(system?.status === 'answered' ? (versionIn(system.output)?.join('.') ?? 'installed') : 'installed')];
}

/** Boots nothing: tells what a deploy has proven, or what it will have to find out. */
export function checkAcceleration(machine: Machine, { hypervisors, cacheDirectory }: Subject): Observation[] {
  if (!hypervisors.has('qemu')) return [];
  const device = '/dev/kvm';
  switch (machine.access(device)) {
    case 'missing':
      return [
        note(
          `there is no ${device}: VMs are emulated, and several times slower`,
          'turn virtualization on in the firmware, or nested virtualization where this machine is a VM itself',
        ),
      ];
    case 'denied':
    case 'read-only':
      return [
        warning(
          `${machine.user.name} may not use ${device}: VMs are emulated, and several times slower`,
          `usermod -aG kvm ${machine.user.name}, then log in again`,
        ),
      ];
    case 'usable':
  }
  switch (machine.provenAccelerator(join(cacheDirectory, ACCELERATOR_FILE))) {
    case 'kvm':
      return [ok('KVM has run a guest since this machine started')];
    case 'tcg':
      return [
        note(
          `${device} opens, but no guest came up with it: VMs are emulated, and several times slower`,
          `see whether nested virtualization works here; to have it tried again, rm ${join(cacheDirectory, ACCELERATOR_FILE)}`,
        ),
      ];
    case undefined:
      return [note(`${device} opens; whether guests run with it is tried when the first VM starts`)];
  }
}
