import { readFileSync } from 'node:fs';

/** What the kernel says of one process in `/proc/PID/stat` (man 5 proc). */
export interface ProcessStat {
  /** Pid of the process that started this one, or has adopted it. */
  readonly parent: number;
  /** Clock ticks since boot, field 22. */
  readonly startTime: string;
  /** Whether it has ended and only its exit code is left. */
  readonly hasEnded: boolean;
}

/**
 * Reads the state of one process. Synchronous on purpose: a read of /proc costs less than a trip through the thread pool.
 *
 * @returns undefined when there is no such process
 */
export function readProcessStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses and may hold anything, parentheses included.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parent] = fields;
  const startTime = fields[19];
  if (startTime === undefined) return undefined;
  return { parent: Number(parent), startTime, hasEnded: state === 'Z' || state === 'X' };
}
