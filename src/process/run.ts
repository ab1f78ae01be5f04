import type { Duplex, Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { ExecaError } from 'execa';
import { commandStarts } from './command-observer';
import { execaLibrary } from './execa';
import { count, Excess, LineReader } from './lines';
import { lastLines } from './output';

/** Largest output of a program of this workstation, for each of its streams, in bytes. */
const LARGEST_OUTPUT = 64 * 2 ** 20;

/** Output of one finished command. `exitCode` is 0 unless `acceptExitCodes` allowed another. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export interface RunOptions {
  /** Ends the command (SIGTERM, after five seconds SIGKILL) when it fires. */
  readonly signal?: AbortSignal | undefined;
  readonly cwd?: string;
  /** Added to the environment; `LC_ALL=C` is always set, because messages are parsed. */
  readonly env?: Readonly<Record<string, string>>;
  /** Text for the standard input; without it the command reads end of file. Never logged. */
  readonly input?: string | Uint8Array;
  /** Milliseconds after which the command is ended. Default: no limit. */
  readonly timeout?: number;
  /**
   * Most that it may print on stdout, and on stderr, in bytes; with more it is ended. A line that is told to `onLine` may
   * have 1 MiB. Default 64 MiB.
   */
  readonly limit?: number;
  /** Exit codes that are answers rather than failures. Default `[0]`. */
  readonly acceptExitCodes?: readonly number[];
  /**
   * Descriptor 3 of the command: a line comes when this resolves, its end without one when it rejects. Such a command
   * has no other input.
   */
  readonly gate?: Promise<unknown> | undefined;
  /** Called with each line of stdout and of stderr as it is printed, with the last one before `run` is done. */
  readonly onLine?: (line: string) => void;
  /** Called with each piece of stdout and stderr as it comes: for progress that has no line of its own. */
  readonly onText?: (text: string) => void;
}

/** A function with the contract of {@link run}: passed to drivers so that tests can record argv. */
export type Run = (file: string, args: readonly string[], options?: RunOptions) => Promise<CommandResult>;

/** A command that could not be started, failed, was cancelled or took too long. `cause` is the original error. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly command: string,
    readonly stdout: string,
    readonly stderr: string,
    readonly exitCode: number | undefined,
    /** `ENOENT` when the program is not installed. */
    readonly code: string | undefined,
    readonly cancelled: boolean,
    cause: unknown,
    /** What it printed too much of, `more than 64 MiB`; it was ended for that. */
    readonly excess?: string,
  ) {
    super(message, { cause });
    this.name = 'CommandError';
  }

  /** Whether its time limit ended it. */
  get timedOut(): boolean {
    return (this.cause as Partial<ExecaError> | undefined)?.timedOut === true;
  }

  /** The signal that ended it, where one did. */
  get endedBy(): string | undefined {
    return (this.cause as Partial<ExecaError> | undefined)?.signal;
  }
}

/**
 * Runs one command without a shell and collects what it prints.
 *
 * @throws CommandError with what happened, the escaped command line and the end of the output.
 */
export const run: Run = async (file, args, options = {}) => {
  commandStarts([file, ...args]);
  const child = execaLibrary().execa(file, [...args], {
    ...(options.signal ? { cancelSignal: options.signal } : {}),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
    ...inputOf(options),
    env: { LC_ALL: 'C', ...options.env },
    forceKillAfterDelay: 5000,
    reject: false,
    // execa quotes all that was printed in its error, for which V8 has no room where that is megabytes of zeros.
    buffer: false,
  });
  if (options.gate) {
    const descriptor = openAfter(options.gate, child.stdio[3]);
    // Other holders of the descriptor do not wait for a line any more.
    child.once('exit', () => descriptor.destroy());
  }
  const excess = new Excess(child);
  const streams = [child.stdout, child.stderr].map((stream) => listen(stream, options, excess.end));
  const result = await child;
  const [stdout = '', stderr = ''] = streams.map((end) => end(excess.found === undefined));
  const accepted = options.acceptExitCodes ?? [0];
  if (
    excess.found === undefined &&
    result.exitCode !== undefined &&
    accepted.includes(result.exitCode) &&
    !result.isCanceled &&
    !result.timedOut
  ) {
    return { stdout, stderr, exitCode: result.exitCode };
  }
  throw toCommandError(result as unknown as ExecaError, stdout, stderr, excess.found);
};

function inputOf({ input, gate }: RunOptions) {
  if (gate !== undefined) return { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] as const };
  return input === undefined ? { stdin: 'ignore' as const } : { input };
}

function openAfter(gate: Promise<unknown>, descriptor: unknown): Duplex {
  // Node opens it both ways.
  const stream = descriptor as Duplex;
  // The command may have ended by then.
  stream.on('error', () => undefined);
  gate.then(
    () => stream.end('\n'),
    () => stream.end(),
  );
  return stream;
}

/** Keeps what comes, and tells it on. Answers what ends that, and gives all of it. */
function listen(
  stream: Readable,
  { onLine, onText, limit = LARGEST_OUTPUT }: RunOptions,
  tooMuch: (what: string) => void,
): (isWhole: boolean) => string {
  const chunks: Buffer[] = [];
  const reader = onLine && new LineReader(onLine, tooMuch);
  const decoder = new StringDecoder('utf8');
  const take = (chunk: Buffer): void => {
    chunks.push(chunk);
    reader?.take(chunk);
    onText?.(decoder.write(chunk));
  };
  stream.on('data', count(limit, tooMuch, take));
  return (isWhole) => {
    if (isWhole) reader?.end();
    return Buffer.concat(chunks).toString();
  };
}

function toCommandError(error: ExecaError, printed: string, remarks: string, excess?: string): CommandError {
  const command = error.escapedCommand;
  const stdout = withoutOverwritten(printed);
  const stderr = withoutOverwritten(remarks);
  const tail = excess === undefined ? lastLines(`${stderr}\n${stdout}`, 20).join('\n') : '';
  const what = excess === undefined ? whatHappened(error) : `command printed ${excess} and was ended`;
  return new CommandError(
    `${what}: ${command}${tail === '' ? '' : `\n${tail}`}`,
    command,
    stdout,
    stderr,
    error.exitCode,
    error.code,
    error.isCanceled,
    error,
    excess,
  );
}

function whatHappened(error: ExecaError): string {
  if (error.isCanceled) return 'command was cancelled';
  if (error.timedOut) return 'command took too long';
  if (error.code === 'ENOENT') return 'program is not installed';
  if (error.code !== undefined) return `command could not be run (${error.code})`;
  if (error.signal !== undefined) return `command was ended by ${error.signal}`;
  return `command failed with exit code ${error.exitCode}`;
}

/** What a terminal would still show: progress is written over itself. */
function withoutOverwritten(text: string): string {
  return text
    .split('\n')
    .map((line) => line.slice(line.replace(/\r$/, '').lastIndexOf('\r') + 1))
    .join('\n');
}
