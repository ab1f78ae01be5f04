import { ERROR_CODES, type ErrorCode, type ErrorFacts, type ExitClass } from '../model/error-codes';
import { CDK_COMMAND } from '../model/cdk-command';

/** Exit codes of every command, as `--help` and docs/cli.md give them. */
export const EXIT = {
  ok: 0,
  /** The command failed. */
  failure: 1,
  /** The command line cannot be understood. */
  usage: 2,
  /** No such fleet, VM, image, reserved port or revision, or a file of the fleet cannot be read. */
  notFound: 3,
  /** A VM is there but cannot be used. */
  notUsable: 4,
  /** The workstation is not ready for the fleet, or its hub cannot be asked. */
  notReady: 5,
} as const;

/** Exit code of ssh when it could not connect; `ssh` and `exec` pass it on. */
export const SSH_CONNECTION_FAILED = 255;

/** Exit code after Ctrl-C, as shells give it, where no program of a VM has one. */
export const INTERRUPTED = 130;

const BY_CLASS: Readonly<Record<ExitClass, number>> = { ...EXIT, connectionLost: SSH_CONNECTION_FAILED };

/** Exit code of a command that an error with this code ends. */
export function exitCodeOf(code: ErrorCode): number {
  const { exit = 'failure' }: ErrorFacts = ERROR_CODES[code];
  return BY_CLASS[exit];
}

/** The paragraph on exit codes that ends `--help`. */
export const EXIT_CODES_HELP = `
Exit codes:
  0    done
  1    failed
  2    the command line cannot be understood
  3    no such fleet, VM, image, reserved port, project or revision
  4    a VM is there but cannot be used, or none can
  5    the workstation is not ready for the fleet (doctor), or its State Hub
       cannot be asked (discover)
  exec and ssh end with the exit code of the command they ran, 255 when the VM
  could not be reached, and 128 plus its number when a signal ended them.
  build, test, run, bench, haddock, repl, sync, fetch and exec --project end with 255 when the
  connection to the VM was lost.
  deploy, diff and destroy end with ${CDK_COMMAND}'s exit code, 130 after Ctrl-C.`;
