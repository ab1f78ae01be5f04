import { resolve } from 'node:path';
import { followLinks } from '../files/links';
import { type HeldLock, tryLock } from '../files/lock';
import { FleetError } from '../model/errors';

/**
 * Takes sole use of a database until it is released or this process ends. Links to the database are resolved.
 *
 * @param database path of the database, whose directory must exist and be writable
 * @throws FleetError `hub-database-in-use` naming the holder, `hub-claim-failed`
 */
export function claimDatabase(database: string): HeldLock {
  const lock = lockOf(database);
  if (!('holder' in lock)) return lock;
  const { pid, description } = lock.holder;
  throw new FleetError({
    code: 'hub-database-in-use',
    problem: `another State Hub uses this database: process ${pid}${description === '' ? '' : ` at ${description}`}`,
    place: database,
    remedy: 'stop that one first, or give this one another --database',
  });
}

function lockOf(database: string): ReturnType<typeof tryLock> {
  try {
    return tryLock(`${followLinks(resolve(database))}.claim`);
  } catch (cause) {
    throw new FleetError({
      code: 'hub-claim-failed',
      problem: `the database could not be claimed: ${(cause as Error).message}`,
      place: database,
      remedy: 'make its directory writable for this account, or give the hub another --database',
      cause,
    });
  }
}
