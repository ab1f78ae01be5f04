import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { readProcessStat } from './process-stat';

/** One process for as long as it lives: a pid may be given to another process, pid and start time together may not. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startTime: string;
}

/** A process as /proc shows it. */
export interface ProcessSeen extends ProcessIdentity {
  readonly argv: readonly string[];
}

/**
 * Reads one process.
 *
 * @returns undefined when there is no such process, when it is a zombie, or when it has no argv (kernel threads).
 */
export function readProcess(pid: number): ProcessSeen | undefined {
  const stat = readProcessStat(pid);
  if (stat === undefined || stat.hasEnded) return undefined;
  try {
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    return argv.length === 0 ? undefined : { pid, startTime: stat.startTime, argv };
  } catch {
    return undefined;
  }
}

/** All processes with an argv that this user may see. */
export function listProcesses(): ProcessSeen[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((entry) => readProcess(Number(entry)))
    .filter((seen) => seen !== undefined);
}

/** Whether the program's file was deleted or replaced, as by an upgrade, while the process runs. */
export function runsReplacedProgram(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`).endsWith(' (deleted)');
  } catch {
    return false;
  }
}

/** Whether this very process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return readProcess(identity.pid)?.startTime === identity.startTime;
}

/** Sends a signal to this very process, and to no other that got its pid. Does nothing when it has ended. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Waits for the end of a process that may not be our child, for which Linux has no event that Node can wait for.
 *
 * @returns whether it ended within the time.
 * @throws AbortError when the signal fires first.
 */
export async function waitForEnd(
  identity: ProcessIdentity,
  milliseconds: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = Date.now() + milliseconds;
  while (isRunning(identity)) {
    if (Date.now() >= deadline) return false;
    await pause(50, undefined, signal ? { signal } : {});
  }
  return true;
}
