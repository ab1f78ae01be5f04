import { lastLine } from '../process/output';
import { classifySshFailure } from './client-messages';

/** Why something that was run on a VM did not succeed. */
export type SshFailureKind =
  /** No connection, or none any more. */
  | 'unreachable'
  /** The VM answers with its pinned host key and refuses the key. */
  | 'key-refused'
  /** An sshd with another host key than the pinned one. */
  | 'host-key-differs'
  /** The time for the call was over. */
  | 'timed-out'
  /** It printed more than is taken as an answer, and was ended. */
  | 'too-much'
  /** A signal ended ssh here. */
  | 'signal'
  /** ssh could not be started here. */
  | 'not-started'
  /** The VM's shell found no such program. */
  | 'program-missing'
  /** The command ended with an exit code of its own. */
  | 'command-failed';

/** How an ssh ended. */
export interface SshEnd {
  /** Undefined when a signal ended it, or when it could not be started. */
  readonly exitCode: number | undefined;
  readonly stderr: string;
  /** Code of the operating system, such as `ENOENT`, where ssh could not be started. */
  readonly code?: string | undefined;
  readonly timedOut?: boolean;
  readonly endedBy?: string | undefined;
  /** What it printed too much of, `more than 4 MiB`. */
  readonly excess?: string | undefined;
}

/** Exit code of ssh itself. A command that ends with 255 cannot be told from it. */
const SSH_FAILED = 255;

/** Exit code of a shell that finds no such program. */
const NOT_FOUND = 127;

/** Longest standard error that is kept, in characters: its end. */
const KEPT_STDERR = 65_536;

/** Something that was run on a VM by ssh and did not succeed. A cancelled call is none: that stays a CommandError. */
export class SshFailure extends Error {
  readonly kind: SshFailureKind;
  readonly exitCode: number | undefined;
  /** The end of what ssh and the command wrote to standard error. */
  readonly stderr: string;
  /** The line of {@link stderr} that says why. Empty when a command said nothing. */
  readonly said: string;

  /** @param what the part of buildfleet that asked for it, such as `smoke` */
  constructor(
    readonly vm: string,
    readonly what: string,
    end: SshEnd,
    cause?: unknown,
  ) {
    const kind = kindOf(end);
    const said = saidBy(kind, end.stderr);
    super(messageOf(kind, vm, what, end) + (said === '' ? '' : `: ${said}`), { cause });
    this.name = 'SshFailure';
    this.kind = kind;
    this.exitCode = end.exitCode;
    this.stderr = end.stderr.slice(-KEPT_STDERR);
    this.said = said;
  }
}

function kindOf({ exitCode, stderr, code, timedOut, excess }: SshEnd): SshFailureKind {
  if (excess !== undefined) return 'too-much';
  if (timedOut === true) return 'timed-out';
  if (exitCode === undefined) return code === undefined ? 'signal' : 'not-started';
  if (exitCode === NOT_FOUND) return 'program-missing';
  if (exitCode !== SSH_FAILED) return 'command-failed';
  const { state } = classifySshFailure(stderr);
  if (state === 'up') return 'key-refused';
  return state === 'wrong-host-key' ? 'host-key-differs' : 'unreachable';
}

function saidBy(kind: SshFailureKind, stderr: string): string {
  if (kind === 'too-much') return '';
  return kind === 'unreachable' || kind === 'host-key-differs' ? classifySshFailure(stderr).detail : lastLine(stderr);
}

function messageOf(
  kind: SshFailureKind,
  vm: string,
  what: string,
  { exitCode, code, endedBy, excess }: SshEnd,
): string {
  switch (kind) {
    case 'unreachable':
      return `${vm} cannot be reached for ${what}`;
    case 'key-refused':
      return `${vm} does not accept the key for ${what}`;
    case 'host-key-differs':
      return `${vm} has not the pinned host key`;
    case 'timed-out':
      return `${what} on ${vm} took too long`;
    case 'too-much':
      return `${what} on ${vm} printed ${excess ?? 'too much'} and was ended`;
    case 'signal':
      return `the ssh for ${what} on ${vm} was ended by ${endedBy ?? 'a signal'}`;
    case 'not-started':
      return code === 'ENOENT' ? 'ssh is not installed' : `ssh could not be started (${code ?? 'unknown'})`;
    case 'program-missing':
    case 'command-failed':
      return `${what} on ${vm} ended with exit code ${exitCode ?? 'unknown'}`;
  }
}
