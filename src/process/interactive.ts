import type { Writable } from 'node:stream';
import { endingWithUs } from './ending-with-us';
import { execaLibrary } from './execa';
import { CommandError } from './run';

/** Signals that a command in the foreground gets as well, so that it can end in its own way. */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Exit codes of programs that a signal ended, as shells give them. */
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGPIPE: 13,
  SIGTERM: 15,
};

/** End of a command on the caller's terminal. */
export interface InteractiveEnd {
  /** Its own, or 128 and the signal's number when a signal ended it or was passed on and it failed. */
  readonly exitCode: number;
  /** The signal that ended it, unless this process passed it on. */
  readonly endedBy?: NodeJS.Signals;
}

/**
 * Runs one command without a shell on the caller's terminal: standard input, output and error are the caller's, byte
 * for byte. Signals are passed on, and the call returns when the command has ended.
 *
 * @param after when the command may begin, where it is started before that: it waits for a line on its standard input,
 *   which the caller's bytes follow. When this rejects, its input ends without that line
 * @throws CommandError when it cannot be started
 */
export async function runInteractive(
  file: string,
  args: readonly string[],
  after?: Promise<unknown>,
): Promise<InteractiveEnd> {
  // A command whose parent is gone must not keep the terminal.
  const child = execaLibrary().execa('setpriv', endingWithUs(file, ...args), {
    stdio: [after === undefined ? 'inherit' : 'pipe', 'inherit', 'inherit'],
    reject: false,
    cleanup: false,
  });
  const stopFeeding = child.stdin === null || after === undefined ? undefined : feed(child.stdin, after);
  let passedOn: NodeJS.Signals | undefined;
  const forward = (signal: NodeJS.Signals) => {
    passedOn = signal;
    child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    const result = await child;
    // A program that tidies up before it ends by a signal gives any code; ssh gives 255, as if it had not connected.
    const signal = result.signal ?? (result.exitCode === 0 ? undefined : passedOn);
    if (signal !== undefined) {
      const exitCode = 128 + (SIGNAL_NUMBERS[signal] ?? 0);
      return passedOn === undefined ? { exitCode, endedBy: signal } : { exitCode };
    }
    if (result.exitCode !== undefined) return { exitCode: result.exitCode };
    const what =
      result.code === 'ENOENT' ? 'program is not installed' : `command could not be run (${String(result.code)})`;
    throw new CommandError(
      `${what}: ${result.escapedCommand}`,
      result.escapedCommand,
      '',
      '',
      undefined,
      result.code,
      false,
      result,
    );
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
    stopFeeding?.();
  }
}

/** Gives a command a line and then this process's input. Returns a function that stops it and the wait for input. */
function feed(input: Writable, after: Promise<unknown>): () => void {
  // It may end before it has read everything.
  input.on('error', () => undefined);
  after.then(
    () => {
      if (input.destroyed) return;
      input.write('\n');
      process.stdin.pipe(input);
    },
    () => input.end(),
  );
  return () => {
    process.stdin.unpipe(input);
    process.stdin.pause();
  };
}
