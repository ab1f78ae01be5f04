import { existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { FleetError } from '../../model/errors';
import { FETCHED_MARK, markAsFetched } from '../project/fetched';

/**
 * Makes a directory that results are fetched to, and marks it as such if it is new or empty: what is fetched is not sent
 * back with the sources. Of one that holds something else, `rememberFetched` notes what was fetched.
 *
 * @throws FleetError `destination-refused` for what is no directory, or a link that leads elsewhere
 */
export function prepareDestination(path: string): void {
  if (path === '/') {
    throw new FleetError({
      code: 'destination-refused',
      problem: 'the root of the file system takes no files of a project',
      place: path,
      remedy: 'give a directory with --to, such as --to ./result',
    });
  }
  requireDirectory(path);
  mkdirSync(path, { recursive: true });
  if (readdirSync(path).length === 0) markAsFetched(path);
}

/** Whether nothing is there that was not fetched. */
export function isOursOrAbsent(path: string): boolean {
  return !existsSync(path) || existsSync(join(path, FETCHED_MARK));
}

/**
 * Where a file goes in a prepared destination. The directories on the way are made.
 *
 * @param path relative to the destination, without `..`
 * @throws FleetError `destination-refused` where one of them is no directory, or a directory has the file's name
 */
export function placeIn(destination: string, path: string): string {
  const components = path.split('/');
  const place = join(destination, path);
  for (const index of components.keys()) {
    if (index === 0) continue;
    const directory = join(destination, ...components.slice(0, index));
    requireDirectory(directory);
    mkdirSync(directory, { recursive: true });
  }
  if (lstatSync(place, { throwIfNoEntry: false })?.isDirectory() !== true) return place;
  throw new FleetError({
    code: 'destination-refused',
    problem: 'there is a directory where a file has to go',
    place,
    remedy: 'remove it, or give another directory with --to',
  });
}

/** Refuses what is not a directory itself. */
function requireDirectory(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory()) return;
  throw new FleetError({
    code: 'destination-refused',
    problem: found.isSymbolicLink() ? 'this is a symbolic link, which may lead anywhere' : 'this is not a directory',
    place: path,
    remedy: 'remove it, or give another directory with --to',
  });
}
