import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { makeDirectories } from './directories';

/** Who stands behind a claim: this process and no later one with its pid. */
export interface Claimant {
  readonly pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat. */
  readonly startTime: string;
  /** Begin of the kernel's boot id, because both of the above begin anew at every boot. */
  readonly boot: string;
}

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once with the pid of the holder when there is somebody to wait for. */
  readonly onWait?: ((pid: number) => void) | undefined;
}

const CLAIM = /^(\d+)-(\d+)-([0-9a-f]{8})-[0-9a-f]{16}$/;
const LONGEST_PAUSE = 200;

/**
 * Runs an action while no other process of this machine runs one under the same lock.
 *
 * The lock is a directory with a file per claimant, named after it and never used again, so anybody may remove the file
 * of a dead process without a race: kill -9 leaves nothing that has to be cleared by hand. A claimant makes its file,
 * then looks: alone, it holds the lock; otherwise it withdraws, and tries again when the others may be gone.
 *
 * @param directory made when absent; its parent must be writable
 * @throws AbortError when the signal fires while waiting; the system's error when the directory cannot be written
 */
export async function withLock<T>(directory: string, action: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const release = await acquire(directory, options);
  try {
    return await action();
  } finally {
    release();
  }
}

async function acquire(directory: string, { signal, onWait }: LockOptions): Promise<() => void> {
  makeDirectories(directory);
  for (let told = false; ;) {
    signal?.throwIfAborted();
    const claim = join(directory, claimName());
    closeSync(openSync(claim, 'wx', 0o600));
    const other = livingClaimants(directory, claim)[0];
    if (other === undefined) {
      return () => {
        rmSync(claim, { force: true });
      };
    }
    rmSync(claim);
    if (!told) onWait?.(other.pid);
    told = true;
    // Two who withdrew from each other come back at different times.
    await pause(LONGEST_PAUSE * (0.25 + 0.75 * Math.random()), undefined, signal ? { signal } : {});
  }
}

/** Everybody else in the directory who still lives. The files of the dead are removed. */
function livingClaimants(directory: string, own: string): Claimant[] {
  return readdirSync(directory).flatMap((name) => {
    const claimant = parseClaim(name);
    if (claimant === undefined || join(directory, name) === own) return [];
    if (isAlive(claimant)) return [claimant];
    rmSync(join(directory, name), { force: true });
    return [];
  });
}

/**
 * A name that no other claim ever had, for a file or directory that is worthless once this process is gone.
 *
 * @throws Error where /proc is missing
 */
export function claimName(): string {
  const startTime = processStartTime(process.pid);
  if (startTime === undefined) throw new Error('/proc does not show this process, and locks need it');
  return `${process.pid}-${startTime}-${bootId()}-${randomBytes(8).toString('hex')}`;
}

/** Reads a name made by {@link claimName}; undefined for any other name. */
export function parseClaim(name: string): Claimant | undefined {
  const [, pid, startTime, boot] = CLAIM.exec(name) ?? [];
  if (pid === undefined || startTime === undefined || boot === undefined) return undefined;
  return { pid: Number(pid), startTime, boot };
}

/** Whether the very process that made a claim still runs. */
export function isAlive(claimant: Claimant): boolean {
  return claimant.boot === bootId() && processStartTime(claimant.pid) === claimant.startTime;
}

function processStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses and may hold anything, parentheses included.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie does nothing any more, however long its parent leaves it.
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8);
}
