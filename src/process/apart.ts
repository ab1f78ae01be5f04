import { execaLibrary } from './execa';
import { commandStarts } from './command-observer';
import { type ProcessSeen, signalProcess } from './process-identity';
import { descendants } from './process-tree';
import { CommandError } from './run';

export interface ApartOptions {
  readonly cwd: string;
  /** Added to the environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Receives both streams, in pieces of any size. */
  readonly onText: (text: string) => void;
  /** When it fires, the command is interrupted once; its end is waited for. */
  readonly signal: AbortSignal;
  /** Whether this argument vector is the process below the command that is interrupted in its stead. */
  readonly isWorker: (argv: readonly string[]) => boolean;
}

/** Milliseconds between two checks of an interrupted command. */
const LOOK_MS = 100;
/** Milliseconds that a command without a worker has to end after SIGINT, before it gets SIGTERM. */
const PATIENCE_MS = 10_000;

/**
 * Runs a command in a process group of its own: a Ctrl-C of the terminal does not reach it, so that it gets exactly the
 * one interrupt that this process passes on. That goes to the worker, which knows how to end in order; where none
 * runs, to the whole group.
 *
 * @returns its exit code, 1 when a signal ended it
 * @throws CommandError when it cannot be started
 */
export async function runApart(file: string, args: readonly string[], options: ApartOptions): Promise<number> {
  commandStarts([file, ...args]);
  const child = execaLibrary().execa(file, [...args], {
    cwd: options.cwd,
    env: options.env,
    stdin: 'ignore',
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
    all: true,
  });
  const decoder = new TextDecoder();
  child.all.on('data', (chunk: Buffer) => {
    options.onText(decoder.decode(chunk, { stream: true }));
  });
  let timer: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    const pass = interrupter(child.pid ?? 0, options.isWorker);
    pass();
    timer ??= setInterval(pass, LOOK_MS);
  };
  options.signal.addEventListener('abort', interrupt, { once: true });
  if (options.signal.aborted) interrupt();
  try {
    const result = await child;
    if (result.code === undefined) return result.exitCode ?? 1;
    const what = result.code === 'ENOENT' ? 'program is not installed' : `command could not be run (${result.code})`;
    const { escapedCommand: command } = result;
    throw new CommandError(`${what}: ${command}`, command, '', '', undefined, result.code, false, result);
  } finally {
    clearInterval(timer);
    options.signal.removeEventListener('abort', interrupt);
  }
}

/** Called again and again: interrupts every worker once, or else the group, which is asked harder in the end. */
function interrupter(pid: number, isWorker: ApartOptions['isWorker']): () => void {
  const told: ProcessSeen[] = [];
  const sent = new Map<NodeJS.Signals, number>();
  const toGroup = (signal: NodeJS.Signals): void => {
    sent.set(signal, Date.now());
    try {
      process.kill(-pid, signal);
    } catch {
      // It has ended.
    }
  };
  return () => {
    const workers = descendants(pid).filter(({ argv }) => isWorker(argv));
    for (const worker of workers) {
      if (told.some((other) => other.pid === worker.pid && other.startTime === worker.startTime)) continue;
      signalProcess(worker, 'SIGINT');
      told.push(worker);
    }
    if (told.length > 0) return;
    const interrupted = sent.get('SIGINT');
    if (interrupted === undefined) toGroup('SIGINT');
    else if (!sent.has('SIGTERM') && Date.now() - interrupted > PATIENCE_MS) toGroup('SIGTERM');
  };
}
