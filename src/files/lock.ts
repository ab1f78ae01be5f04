import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { claimName, isAlive, parseClaim } from './claim-name';
import { makeDirectories, removeEmptyDirectory } from './directories';

/** A lock that this process holds, until it releases it or ends, also by a kill. */
export interface HeldLock {
  /** Leaves one line about the holder, which refused claimants get. */
  describe(text: string): void;
  release(): void;
}

/** The process that holds a lock. */
export interface LockHolder {
  readonly pid: number;
  /** Text of {@link HeldLock.describe}; empty without one. */
  readonly description: string;
}

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once with the holder's pid when the lock has to be waited for. */
  readonly onWait?: ((pid: number) => void) | undefined;
}

/** Milliseconds between two attempts: the first, and the longest, which it doubles up to. */
const SHORTEST_PAUSE = 20;
const LONGEST_PAUSE = 200;

/** Attempts to make a directory that is removed at once; more removals are no accident. */
const ATTEMPTS = 100;

/** Bytes of a description that are read: the file may be damaged. */
const LONGEST_DESCRIPTION = 500;

/**
 * Takes a lock, or returns its holder.
 *
 * The lock is a directory with a file per claimant, named after it and never used again, so that the file of a dead
 * process can be removed without a race: kill -9 leaves nothing that has to be cleared by hand. A claimant makes its
 * file, then looks: alone, it holds the lock; otherwise it withdraws. Only the account that owns the directory can claim
 * it, which a name in a namespace that all accounts share (an abstract socket, a file in /tmp) does not give.
 *
 * @param directory made when absent, 0700, and removed with the last claim; its parent must be writable
 * @throws the system's error when the directory cannot be written
 */
export function tryLock(directory: string): HeldLock | { readonly holder: LockHolder } {
  const claim = makeClaim(directory);
  const holder = livingClaimants(directory, claim)[0];
  const release = () => {
    rmSync(claim, { force: true });
    removeEmptyDirectory(directory);
  };
  if (holder === undefined) {
    return {
      describe: (text) => {
        writeFileSync(claim, text, { mode: 0o600 });
      },
      release,
    };
  }
  release();
  return { holder };
}

/**
 * Runs an action while no other process of this machine, and no other part of this one, runs one under the same lock.
 *
 * @throws AbortError when the signal fires while waiting; the system's error when the directory cannot be written
 */
export async function withLock<T>(
  directory: string,
  action: () => T | Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const lock = await acquire(directory, options);
  try {
    return await action();
  } finally {
    lock.release();
  }
}

async function acquire(directory: string, { signal, onWait }: LockOptions): Promise<HeldLock> {
  let longest = SHORTEST_PAUSE;
  for (let told = false; ; told = true) {
    signal?.throwIfAborted();
    const lock = tryLock(directory);
    if (!('holder' in lock)) return lock;
    if (!told) onWait?.(lock.holder.pid);
    // Two that withdrew from each other come back at different times.
    await pause(longest * (0.25 + 0.75 * Math.random()), undefined, signal ? { signal } : {});
    longest = Math.min(2 * longest, LONGEST_PAUSE);
  }
}

/** The directory may go, with the last claim of another process, between its making and the making of a file in it. */
function makeClaim(directory: string): string {
  for (let attempt = 1; ; attempt++) {
    try {
      makeDirectories(directory, 0o700);
      const claim = join(directory, claimName());
      closeSync(openSync(claim, 'wx', 0o600));
      return claim;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === ATTEMPTS) throw error;
    }
  }
}

/** All other claims in the directory whose process lives. The files of the dead are removed. */
function livingClaimants(directory: string, own: string): LockHolder[] {
  return readdirSync(directory).flatMap((name) => {
    const claimant = parseClaim(name);
    const path = join(directory, name);
    if (claimant === undefined || path === own) return [];
    if (isAlive(claimant)) return [{ pid: claimant.pid, description: descriptionIn(path) }];
    rmSync(path, { force: true });
    return [];
  });
}

function descriptionIn(claim: string): string {
  try {
    return readFileSync(claim, 'utf8').slice(0, LONGEST_DESCRIPTION);
  } catch {
    // released meanwhile
    return '';
  }
}

/** Removes the claims of killed processes, and the lock with the last one. */
export function removeAbandonedLock(directory: string): void {
  if (existsSync(directory)) livingClaimants(directory, '');
  removeEmptyDirectory(directory);
}
