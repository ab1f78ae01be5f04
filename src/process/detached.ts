import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { commandStarts } from './command-observer';
import { readProcess, type ProcessIdentity } from './process-identity';

/** How to start a process that outlives this one. */
export interface DetachedOptions {
  readonly cwd: string;
  /** Receives stdout and stderr; emptied first, mode 0600. */
  readonly outputPath: string;
  /** Keeps what the file holds; every write goes to its end, so that it can be cut meanwhile. Default false. */
  readonly append?: boolean;
}

/** A process in a session of its own, which holds no pipe, terminal or variable of this process. */
export interface DetachedProcess {
  readonly identity: ProcessIdentity;
  /** Resolves when it ends while this process still runs. `code` is null when a signal ended it. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Kills it and what it has started and left, as far as that is in its process group. */
  killGroup(): void;
}

/** Variables that a daemon may see; Terraform's environment holds tokens that must not live on in it. */
const KEPT_VARIABLES = ['PATH', 'HOME', 'USER', 'LOGNAME', 'TMPDIR', 'XDG_RUNTIME_DIR', 'TZ'];

/**
 * Starts a program that goes on running when this process ends, with `LC_ALL=C`.
 *
 * @throws NodeJS.ErrnoException with code ENOENT when it is not installed, or what opening the output file gave.
 */
export async function startDetached(
  file: string,
  args: readonly string[],
  options: DetachedOptions,
): Promise<DetachedProcess> {
  commandStarts([file, ...args]);
  const output = openSync(options.outputPath, options.append === true ? 'a' : 'w', 0o600);
  try {
    const kept = KEPT_VARIABLES.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
    const child = spawn(file, [...args], {
      cwd: options.cwd,
      env: { ...(Object.fromEntries(kept) as Record<string, string>), LC_ALL: 'C' },
      detached: true,
      stdio: ['ignore', output, output],
    });
    const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      child.once('exit', (code, signal) => {
        resolve({ code, signal });
      });
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    const pid = child.pid ?? 0;
    // On a busy machine the kernel may not have its arguments in place yet, and it then looks as if it were gone.
    while (readProcess(pid) === undefined && child.exitCode === null && child.signalCode === null) await pause(1);
    // A process that has ended has no start time; an empty one matches no other process.
    const killGroup = () => {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // All of it has ended.
      }
    };
    return { identity: { pid, startTime: readProcess(pid)?.startTime ?? '' }, ended, killGroup };
  } finally {
    closeSync(output);
  }
}
