import type { Socket } from 'node:net';
import { execaLibrary } from './execa';
import { commandStarts } from './command-observer';
import { count, Excess, LineReader } from './lines';

/** How a held command ended. */
export interface HeldEnd {
  readonly stderr: string;
  readonly exitCode: number | undefined;
  /** `ENOENT` where the program is not installed. */
  readonly code?: string | undefined;
  /** What it printed too much of, `more than 1 MiB`; it was ended for that. */
  readonly excess?: string | undefined;
}

/** Largest output of a command, for each of its streams, in bytes. */
const LARGEST_OUTPUT = 2 ** 20;

/** A command that runs until it is let go. */
export interface HeldCommand {
  /** Settles when it has ended, by itself or released. Never rejects. */
  readonly ended: Promise<HeldEnd>;
  /** Closes its standard input and waits for its end. */
  release(): Promise<void>;
  /** Closes its standard input. It ends by itself, and this process need not be there for that. */
  letGo(): void;
}

export interface HoldOptions {
  /** Called with each line of standard output. */
  readonly onLine: (line: string) => void;
  /** Ends the command when it fires. */
  readonly signal: AbortSignal;
  /** Whether signals to our process group reach it. Default true */
  readonly inOurGroup?: boolean;
  /** Most that it may print on stdout, and on stderr, in bytes; with more it is ended. Default 1 MiB. */
  readonly limit?: number;
}

/** A function with the contract of {@link hold}, passed to handlers so that tests can answer for the command. */
export type Hold = typeof hold;

/** Starts a command without a shell whose standard input stays open while this process runs. */
export function hold(
  file: string,
  args: readonly string[],
  { onLine, signal, inOurGroup = true, limit = LARGEST_OUTPUT }: HoldOptions,
): HeldCommand {
  commandStarts([file, ...args]);
  const child = execaLibrary().execa(file, [...args], {
    cancelSignal: signal,
    env: { LC_ALL: 'C' },
    stdin: 'pipe',
    detached: !inOurGroup,
    forceKillAfterDelay: 5000,
    reject: false,
    // Its input ends with this process.
    cleanup: false,
    buffer: false,
  });
  // It may end before its input is closed.
  child.stdin.on('error', () => undefined);
  const excess = new Excess(child);
  const reader = new LineReader(onLine, excess.end);
  child.stdout.on(
    'data',
    count(limit, excess.end, (chunk) => {
      reader.take(chunk);
    }),
  );
  const remarks: Buffer[] = [];
  child.stderr.on(
    'data',
    count(limit, excess.end, (chunk) => {
      remarks.push(chunk);
    }),
  );
  const ended = child.then(({ exitCode, code }): HeldEnd => {
    if (excess.found === undefined) reader.end();
    return { stderr: Buffer.concat(remarks).toString(), exitCode, code, excess: excess.found };
  });
  return {
    ended,
    release: async () => {
      child.stdin.end();
      await ended;
    },
    letGo: () => {
      child.stdin.end();
      child.unref();
      for (const pipe of [child.stdin, child.stdout, child.stderr]) (pipe as unknown as Socket).unref();
    },
  };
}
