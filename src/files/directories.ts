import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a directory and those above it that are missing. Nothing happens to one that is there.
 *
 * Node's own recursive mkdir says ENOENT where the file system is read-only or full, and never ends on procfs.
 *
 * @param mode of every directory made, before the umask
 * @throws the system's error about the first directory that cannot be made
 */
export function makeDirectories(path: string, mode = 0o777): void {
  if (isDirectory(path)) return;
  // A file stands in the way of mkdir(2) itself, which then says so. Node 20 says it here.
  if (statSync(dirname(path), { throwIfNoEntry: false }) === undefined) makeDirectories(dirname(path), mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Another process may have made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isDirectory(path)) throw error;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Removes a directory if it is there and empty. */
export function removeEmptyDirectory(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // gone, or still in use
  }
}
