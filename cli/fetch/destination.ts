import { existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FleetError } from '../../model/errors';
import { FETCHED_MARK } from '../project/fetched';

/**
 * Makes a directory that results are fetched to, and marks it as such if it is new or empty: what is fetched is not sent
 * back with the sources. One that holds something else is used as it is.
 *
 * @throws FleetError `destination-refused` for what is no directory, or a link that leads elsewhere
 */
export function prepareDestination(path: string): void {
  requireDirectory(path);
  mkdirSync(path, { recursive: true });
  if (readdirSync(path).length === 0) writeFileSync(join(path, FETCHED_MARK), '');
}

/** Whether nothing is there that was not fetched. */
export function isOursOrAbsent(path: string): boolean {
  return !existsSync(path) || existsSync(join(path, FETCHED_MARK));
}

/** Refuses what is not a directory itself. */
export function requireDirectory(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory()) return;
  throw new FleetError({
    code: 'destination-refused',
    problem: found.isSymbolicLink() ? 'this is a symbolic link, which may lead anywhere' : 'this is not a directory',
    place: path,
    remedy: 'remove it, or give another directory with --to',
  });
}
