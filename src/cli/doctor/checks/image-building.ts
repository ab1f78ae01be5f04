import type { ImageBuilder } from '../../../model/image-definition';
import { existingImages } from '../images';
import { note, ok, type Observation, problem, type Verdict } from '../../../model/finding';
import type { Machine } from '../machine';
import { ask, versionIn } from '../../../process/ask';
import type { Subject } from '../subject';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** A missing program is a problem only where an image has to be built with it. */
function missing(machine: Machine, subject: Subject, builder: ImageBuilder): Verdict {
  return !subject.builders.has(builder) || existingImages(machine, subject) ? note : problem;
}

/** It builds Ubuntu images. */
export async function checkPacker(machine: Machine, subject: Subject): Promise<Observation[]> {
  if (!subject.builders.has('packer')) return [];
  const remedy = 'install Packer 1.10 or newer (https://developer.hashicorp.com/packer/install)';
  const answer = await ask(machine, 'packer', ['--version']);
  if (answer.status === 'missing') return [missing(machine, subject, 'packer')('packer is not installed', remedy)];
  if (answer.status === 'failed')
    return [missing(machine, subject, 'packer')(`packer does not work: ${answer.reason}`, remedy)];
  return [ok(versionIn(answer.output)?.join('.') ?? 'installed')];
}

export async function checkMmdebstrap(machine: Machine, subject: Subject): Promise<Observation[]> {
  const bad = missing(machine, subject, 'mmdebstrap');
  const answer = await ask(machine, 'mmdebstrap', ['--version']);
  if (answer.status === 'missing') return [bad('mmdebstrap is not installed', 'apt-get install mmdebstrap')];
  if (answer.status === 'failed')
    return [bad(`mmdebstrap does not work: ${answer.reason}`, 'apt-get install --reinstall mmdebstrap')];
  return [ok(versionIn(answer.output)?.join('.') ?? 'installed')];
}

/** Has mmdebstrap make a user namespace, with which it works when it is not run as root. */
export async function checkUserNamespaces(machine: Machine, subject: Subject): Promise<Observation[]> {
  if (machine.user.uid === 0) return [ok('not needed by root')];
  const answer = await ask(machine, 'mmdebstrap', ['--unshare-helper', 'true']);
  if (answer.status === 'missing') return [];
  if (answer.status === 'answered') return [ok('mmdebstrap can make one')];
  return [
    missing(machine, subject, 'mmdebstrap')(`mmdebstrap cannot make one: ${answer.reason}`, namespaceRemedy(machine)),
  ];
}

function namespaceRemedy(machine: Machine): string {
  const { user } = machine;
  if (machine.read('/proc/sys/kernel/unprivileged_userns_clone')?.trim() === '0')
    return 'sysctl -w kernel.unprivileged_userns_clone=1, or deploy as root';
  const ranges = ['/etc/subuid', '/etc/subgid'].map((file) => machine.read(file) ?? '');
  if (!ranges.every((text) => text.split('\n').some((line) => line.startsWith(`${user.name}:`))))
    return `apt-get install uidmap, and usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user.name}`;
  if (machine.read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns')?.trim() === '1')
    return 'give mmdebstrap an AppArmor profile that allows userns, or deploy as root';
  return 'apt-get install uidmap, or deploy as root';
}

export function checkKeyring(machine: Machine, subject: Subject): Observation[] {
  if (machine.read(KEYRING) !== null) return [ok(KEYRING)];
  return [missing(machine, subject, 'mmdebstrap')(`there is no ${KEYRING}`, 'apt-get install debian-archive-keyring')];
}

/** It writes the seed of every new VM. */
export async function checkXorriso(machine: Machine): Promise<Observation[]> {
  const answer = await ask(machine, 'xorriso', ['-version']);
  if (answer.status === 'missing') return [problem('xorriso is not installed', 'apt-get install xorriso')];
  if (answer.status === 'failed')
    return [problem(`xorriso does not work: ${answer.reason}`, 'apt-get install --reinstall xorriso')];
  return [ok(versionIn(answer.output)?.join('.') ?? 'installed')];
}
