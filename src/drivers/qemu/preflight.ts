import { join } from 'node:path';
import { DEFAULT_SSHD_PORT } from '../../model/defaults';
import { note, ok, type Observation, problem, warning } from '../../model/finding';
import { ask, versionIn } from '../../process/ask';
import type { Preflight, PreflightMachine, PreflightSubject } from '../preflight';
import { ACCELERATOR_FILE, knownAccelerator } from './accelerator';
import { explainText, withoutRemarks } from './failures';
import { features } from './features';
import { inIsolatedNetwork } from './user-network';

/** A namespace needs no more to show that one can be made. */
const ANY_NETWORK = { own: [], interface: 'lo', hasOwnResolver: false } as const;

const INSTALL = `apt-get install ${features.packages.join(' ')}`;

async function checkPrograms(machine: PreflightMachine, { isNeeded }: PreflightSubject): Promise<Observation[]> {
  const missing = isNeeded ? problem : note;
  const [system, image] = await Promise.all(
    ['qemu-system-x86_64', 'qemu-img'].map((program) => ask(machine, program, ['--version'])),
  );
  if (system?.status === 'missing') return [missing('qemu-system-x86_64 is not installed', INSTALL)];
  if (image?.status === 'missing') return [missing('qemu-img is not installed', INSTALL)];
  for (const answer of [system, image])
    if (answer?.status === 'failed') return [missing(`qemu does not work: ${answer.reason}`, INSTALL)];
  return [ok(system?.status === 'answered' ? (versionIn(system.output)?.join('.') ?? 'installed') : 'installed')];
}

/** Boots nothing: reports the proof of an earlier deploy, or that the next one has to make it. */
function checkAcceleration(machine: PreflightMachine, { isNeeded, cacheDirectory }: PreflightSubject): Observation[] {
  if (!isNeeded) return [];
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
  const proof = join(cacheDirectory, ACCELERATOR_FILE);
  switch (knownAccelerator(proof, (path) => machine.read(path) ?? '')) {
    case 'kvm':
      return [ok('KVM has run a guest since this machine started')];
    case 'tcg':
      return [
        note(
          `${device} opens, but no guest came up with it: VMs are emulated, and several times slower`,
          `see whether nested virtualization works here; to have it tried again, rm ${proof}`,
        ),
      ];
    case undefined:
      return [note(`${device} opens; whether guests run with it is tried when the first VM starts`)];
  }
}

/** Makes a namespace as the start of a VM does, and names the hosts that do without. */
async function checkUserNetwork(machine: PreflightMachine, { natHosts }: PreflightSubject): Promise<Observation[]> {
  const open = natHosts.filter(({ userNetwork }) => userNetwork === 'open').map(({ id }) => id);
  const found = open.map((id) =>
    warning(
      `VMs of ${id} reach every service of this workstation's loopback and addresses`,
      "leave `userNetwork: 'open'` out in main.ts, then deploy and start the VMs again",
    ),
  );
  if (open.length === natHosts.length) return found;
  const [program = '', ...args] = inIsolatedNetwork(
    { ...ANY_NETWORK, isRoot: machine.user.uid === 0, relayPort: DEFAULT_SSHD_PORT, resolvConf: '' },
    ['true'],
  );
  const answer = await ask(machine, program, args);
  if (answer.status === 'answered')
    return [...found, ok('VMs reach the relay and no other service of this workstation')];
  const said = answer.status === 'missing' ? `${program} is not installed` : withoutRemarks(answer.output).trim();
  const { problem: what, remedy } = explainText(said, 'VMs cannot be started', 'pasta');
  return [...found, problem(what, remedy)];
}

export const preflight: Preflight = {
  qemu: checkPrograms,
  acceleration: checkAcceleration,
  'user network': checkUserNetwork,
};
