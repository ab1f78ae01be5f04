import { readFileSync } from 'node:fs';

/** What the kernel says of one process in `/proc/PID/stat` (man 5 proc). */
export interface ProcessStat {
  /** Pid of the process that started this one, or has adopted it. */
  readonly parent: number;
  /** Clock ticks since boot, field 22. */
  readonly startTime: string;
  /** Processor time that it has used so far, of the kernel too, in seconds; fields 14 and 15. */
  readonly processorSeconds: number;
  /** Whether it has ended and only its exit code is left. */
  readonly hasEnded: boolean;
}

/** Clock ticks in a second, as Linux shows them to programs on every architecture. */
const TICKS_PER_SECOND = 100;

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
  const processorSeconds = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  return { parent: Number(parent), startTime, processorSeconds, hasEnded: state === 'Z' || state === 'X' };
}
