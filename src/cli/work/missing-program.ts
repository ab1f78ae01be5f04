import type { ErrorCode } from '../../model/error-codes';
import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import type { CommandError } from '../../process/run';

/** Programs of this workstation that reach VMs, and the Debian package of each. */
const PROGRAMS = {
  ssh: { code: 'ssh-missing', packageName: 'openssh-client' },
  rsync: { code: 'rsync-missing', packageName: 'rsync' },
  setpriv: { code: 'setpriv-missing', packageName: 'util-linux' },
} as const satisfies Record<string, { readonly code: ErrorCode; readonly packageName: string }>;

export function missingHere(program: keyof typeof PROGRAMS, cause: unknown): FleetError {
  const { code, packageName } = PROGRAMS[program];
  return new FleetError({
    code,
    problem: `${program} is not installed on this workstation`,
    remedy: `apt-get install ${packageName}`,
    cause,
  });
}

/**
 * The error for a transfer by rsync that failed because a program is missing or too old, here or on the VM. Its exit
 * codes are those of lost connections.
 *
 * @param starter the program that was to start rsync; it names itself in what it says
 */
export function unfitProgram(vm: FleetVm, starter: 'setpriv' | 'limited', error: CommandError): FleetError | undefined {
  const { code, stderr } = error;
  if (code === 'ENOENT' && starter === 'setpriv') return missingHere('setpriv', error);
  if (new RegExp(`^${starter}: .*\\brsync\\b.*(not found|No such file)`, 'm').test(stderr))
    return missingHere('rsync', error);
  if (/^rsync: .*Failed to exec ssh: No such file/m.test(stderr)) return missingHere('ssh', error);
  if (/command not found|rsync: not found/.test(stderr)) {
    return new FleetError({
      code: 'rsync-missing',
      problem: `rsync is not installed on ${vm.name}`,
      remedy: `\`buildfleet add-package --vm ${vm.id} rsync\``,
      cause: error,
    });
  }
  const [, there, option] = /^rsync: (on remote machine: )?(-\S+?): unknown option/m.exec(stderr) ?? [];
  if (option === undefined) return undefined;
  return new FleetError({
    code: 'rsync-too-old',
    problem: `rsync ${there === undefined ? 'on this workstation' : `on ${vm.name}`} is too old: it does not know ${option}`,
    remedy: 'install version 3.2 or newer',
    cause: error,
  });
}
