import type { Socket } from 'node:net';
import { execaLibrary } from './execa';
import { commandStarts } from './command-observer';

/** A command that runs until it is let go. */
export interface HeldCommand {
  /** Settles when it has ended, by itself or released. Never rejects. */
  readonly ended: Promise<{ readonly stderr: string; readonly exitCode: number | undefined }>;
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
}

/** A function with the contract of {@link hold}, passed to handlers so that tests can answer for the command. */
export type Hold = typeof hold;

/** Starts a command without a shell whose standard input stays open while this process runs. */
export function hold(file: string, args: readonly string[], { onLine, signal }: HoldOptions): HeldCommand {
  commandStarts([file, ...args]);
  const child = execaLibrary().execa(file, [...args], {
    cancelSignal: signal,
    env: { LC_ALL: 'C' },
    stdin: 'pipe',
    forceKillAfterDelay: 5000,
    reject: false,
    // Its input ends with this process.
    cleanup: false,
    buffer: { stdout: false, stderr: true },
  });
  // It may end before its input is closed.
  child.stdin.on('error', () => undefined);
  const lines = (async () => {
    for await (const line of child.iterable({ from: 'stdout' })) onLine(line);
  })().catch(() => undefined);
  const ended = child.then(async ({ stderr, exitCode }) => {
    await lines;
    return { stderr, exitCode };
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
