import { type Duplex, PassThrough, type Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { endingWithUs } from './ending-with-us';
import { execaLibrary } from './execa';
import { LineChanges } from './line-changes';
import { CommandError } from './run';
import { TerminalText } from './terminal-text';

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

/** How a command is run on our own terminal. */
export interface InteractiveOptions {
  /**
   * When the command may begin, where it is started before that: it waits for a line on its standard input, which the
   * caller's bytes follow. When this rejects, its input ends without that line.
   */
  readonly after?: Promise<unknown> | undefined;
  /**
   * Whether it only writes text: of what it writes to a terminal colours stay, and no other escape sequence. A stream
   * that is no terminal gets every byte. Default false
   */
  readonly isText?: boolean | undefined;
  /** Whether it gets no input of the caller's: only the line of `after`, if any. Default false */
  readonly hasNoInput?: boolean | undefined;
  /** Changes each line of what it writes, without its end and with bytes as latin1 characters. Default: none is changed. */
  readonly changeLine?: ((line: string) => string) | undefined;
  /** What the caller's input passes on its way to the command, where that does not have it directly. */
  readonly inputThrough?: Duplex | undefined;
  /** Called for SIGINT, which is then not passed on. A command without our terminal is kept apart from it. */
  readonly onInterrupt?: (() => void) | undefined;
  /** Ends it when it fires; it then counts as ended by a signal of this process. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs one command without a shell on the caller's terminal: standard input, output and error are the caller's, byte
 * for byte unless it only writes text. Signals are passed on, and the call returns when the command has ended.
 *
 * @throws CommandError when it cannot be started
 */
export async function runInteractive(
  file: string,
  args: readonly string[],
  {
    after,
    isText = false,
    hasNoInput = false,
    changeLine,
    inputThrough,
    onInterrupt,
    signal: ending,
  }: InteractiveOptions = {},
): Promise<InteractiveEnd> {
  const output = (stream: NodeJS.WriteStream) =>
    isText && (stream.isTTY || changeLine !== undefined) ? 'pipe' : 'inherit';
  const child = execaLibrary().execa('setpriv', endingWithUs(file, ...args), {
    stdio: [inputOf(after, hasNoInput), output(process.stdout), output(process.stderr)],
    // A signal to our process group would reach it as well.
    detached: onInterrupt !== undefined && after !== undefined,
    reject: false,
    cleanup: false,
    buffer: false,
  });
  let passedOn: NodeJS.Signals | undefined;
  // An ssh that shares a connection leaves its output open in the one that holds it, as long as the command runs.
  child.once('exit', (_, signal) => {
    if (signal === null || passedOn !== undefined) return;
    child.stdout?.destroy();
    child.stderr?.destroy();
  });
  const shown = [show(child.stdout, process.stdout, changeLine), show(child.stderr, process.stderr, changeLine)];
  const stopFeeding =
    child.stdin === null || after === undefined
      ? undefined
      : feed(child.stdin, after, hasNoInput ? undefined : source(inputThrough));
  const forward = (signal: NodeJS.Signals) => {
    if (signal === 'SIGINT' && onInterrupt !== undefined) {
      onInterrupt();
      return;
    }
    passedOn = signal;
    child.kill(signal);
  };
  const end = () => {
    forward('SIGTERM');
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  ending?.addEventListener('abort', end);
  if (ending?.aborted === true) end();
  try {
    const result = await child;
    await Promise.all(shown);
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
    ending?.removeEventListener('abort', end);
    stopFeeding?.();
  }
}

function inputOf(after: unknown, hasNoInput: boolean) {
  if (after !== undefined) return 'pipe';
  return hasNoInput ? 'ignore' : 'inherit';
}

/** Passes text on to a terminal, where the command does not write to it itself. */
async function show(
  from: Readable | null,
  to: NodeJS.WriteStream,
  changeLine: (line: string) => string = (line) => line,
): Promise<void> {
  // What the terminal does not take any more is not the command's failure.
  if (from === null) return;
  const onWay = to.isTTY ? new TerminalText() : new PassThrough();
  // What a pipeline listens to on a stream that it must not end, it listens to for ever.
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      to.write(chunk, done);
    },
  });
  const ignore = () => undefined;
  to.on('error', ignore);
  await pipeline(from, new LineChanges(changeLine), onWay, sink).catch(ignore);
  to.off('error', ignore);
}

function source(through: Duplex | undefined): () => Readable {
  return () => (through === undefined ? process.stdin : process.stdin.pipe(through));
}

/** Gives a command a line and then this process's input, or its end. Returns a function that stops it and the wait for input. */
function feed(input: Writable, after: Promise<unknown>, from: (() => Readable) | undefined): () => void {
  // It may end before it has read everything.
  input.on('error', () => undefined);
  after.then(
    () => {
      if (input.destroyed) return;
      input.write('\n');
      if (from === undefined) input.end();
      else from().pipe(input);
    },
    () => input.end(),
  );
  return () => {
    if (from === undefined) return;
    process.stdin.unpipe();
    process.stdin.pause();
  };
}
