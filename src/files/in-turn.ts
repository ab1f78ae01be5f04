import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { STATE_HOME } from '../model/defaults';
import { FleetError } from '../model/errors';
import { expandHome } from '../model/paths';
import { removeEmptyDirectory } from './directories';
import { followLinks } from './links';
import { withLock } from './lock';

/** Milliseconds. Work on one file or directory takes a small part of that. */
const WAIT_LIMIT = 60_000;

/**
 * Runs `body` while no other process of this account does so for the same path; links are resolved.
 *
 * @throws FleetError `path-busy` after a minute; the signal's reason when it fires first
 */
export async function inTurn<T>(path: string, signal: AbortSignal, body: () => T | Promise<T>): Promise<T> {
  const lock = lockDirectory(path);
  const limit = AbortSignal.timeout(WAIT_LIMIT);
  try {
    return await withLock(lock, body, { signal: AbortSignal.any([signal, limit]) });
  } catch (error) {
    // an AbortError of the body is the signal's, or has another cause
    const isBusy = !signal.aborted && limit.aborted && [error, (error as Error).cause].includes(limit.reason);
    if (!isBusy) throw error;
    throw new FleetError({
      code: 'path-busy',
      problem: 'another process has been working on this for a minute',
      place: path,
      remedy: 'see whether another deploy hangs, end it, and deploy again',
    });
  } finally {
    // .locks, and the directory above unless it holds other files of buildfleet
    for (const directory of [dirname(lock), dirname(dirname(lock))]) removeEmptyDirectory(directory);
  }
}

/** Lies in the home directory rather than beside the path, whose directory may not be buildfleet's. */
function lockDirectory(path: string): string {
  const name = createHash('sha256')
    .update(followLinks(resolve(path)))
    .digest('hex')
    .slice(0, 32);
  return join(expandHome(STATE_HOME, homedir()), '.locks', name);
}
