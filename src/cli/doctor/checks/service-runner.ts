import { note, ok, type Observation, warning } from '../../../model/finding';
import type { Machine } from '../machine';
import type { Subject } from '../subject';
import { CDK_COMMAND } from '../../../model/cdk-command';

/** Directory in which systemd records the accounts whose manager runs from boot on, and after the last log-out. */
const LINGER_DIRECTORY = '/var/lib/systemd/linger';

/** Checks the runner of the private sshd and the hub, and whether it outlives a log-out and a boot. */
export function checkServiceRunner(machine: Machine, subject: Subject): Observation[] {
  const runtime = machine.environment['XDG_RUNTIME_DIR'] ?? `/run/user/${machine.user.uid}`;
  if (machine.access(`${runtime}/systemd/private`) !== 'usable') {
    const remedy = `after a boot run \`${CDK_COMMAND} deploy ${subject.name}\`, which starts them again`;
    return [note('no systemd manager of yours runs: a supervisor keeps sshd and hub running', remedy)];
  }
  if (machine.read(`${LINGER_DIRECTORY}/${machine.user.name}`) !== null)
    return [ok('sshd and hub are units of your systemd manager, which runs from boot on')];
  return [
    warning(
      'sshd and hub are units of your systemd manager, which ends when you log out',
      `run \`loginctl enable-linger ${machine.user.name}\`; they then run from boot on`,
    ),
  ];
}
