/** Exit codes of every command, as `--help` and docs/cli.md give them. */
export const EXIT = {
  ok: 0,
  /** What was asked for failed. */
  failure: 1,
  /** The command line cannot be understood. */
  usage: 2,
  /** No such fleet, VM, or reserved port, or a file of the fleet cannot be read. */
  notFound: 3,
  /** A VM is there but cannot be used. */
  notUsable: 4,
} as const;

/** Exit code of ssh when it could not connect; `ssh` and `exec` pass it on. */
export const SSH_CONNECTION_FAILED = 255;

/** Errors, by code, that end the command with something else than {@link EXIT.failure}. */
const BY_ERROR: Readonly<Record<string, number>> = {
  usage: EXIT.usage,
  'hub-host': EXIT.usage,
  'fleet-not-found': EXIT.notFound,
  'fleet-ambiguous': EXIT.notFound,
  'fleet-unreadable': EXIT.notFound,
  'vm-unknown': EXIT.notFound,
  'registry-not-found': EXIT.notFound,
  'slot-unknown': EXIT.notFound,
  'vm-not-usable': EXIT.notUsable,
};

/** Exit code for an error with this code. */
export function exitCodeOf(errorCode: string): number {
  return BY_ERROR[errorCode] ?? EXIT.failure;
}

/** The paragraph on exit codes that ends `--help`. */
export const EXIT_CODES_HELP = `
Exit codes:
  0    done
  1    failed
  2    the command line cannot be understood
  3    no such fleet, VM or reserved port
  4    a VM is there but cannot be used
  exec and ssh end with the exit code of the command they ran, 255 when the VM
  could not be reached, and 128 plus its number when a signal ended them.`;
