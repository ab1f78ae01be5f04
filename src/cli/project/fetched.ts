import { lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * Name of the file that marks a directory as one that results are fetched to. It is empty where all in it was fetched, and
 * has a line `SIZE MTIME PATH` for each fetched file where there were others before; MTIME is in nanoseconds.
 */
export const FETCHED_MARK = '.buildfleet-fetched';

/** Marks a directory, which is new or empty. */
export function markAsFetched(directory: string): void {
  writeFileSync(join(directory, FETCHED_MARK), '');
}

/**
 * What of a directory with a mark was fetched: all of it, or the paths that are still as they came, relative to it. A file
 * that was changed since is the user's.
 */
export function fetchedIn(directory: string): 'all' | readonly string[] {
  const lines = linesOf(directory);
  if (lines === undefined || lines.size === 0) return 'all';
  return [...lines].filter(([path, line]) => lineOf(directory, path) === line).map(([path]) => path);
}

/**
 * Notes which files of a directory were fetched, where not all in it were.
 *
 * @param paths absolute
 */
export function rememberFetched(directory: string, paths: readonly string[]): void {
  const before = linesOf(directory);
  if (before?.size === 0) return;
  const lines = new Map(before);
  for (const path of paths.map((one) => relative(directory, one))) {
    const line = lineOf(directory, path);
    if (line !== undefined) lines.set(path, line);
  }
  writeFileSync(join(directory, FETCHED_MARK), [...lines.values()].map((line) => `${line}\n`).join(''));
}

/** Lines by their paths; undefined without a mark. */
function linesOf(directory: string): ReadonlyMap<string, string> | undefined {
  try {
    const lines = readFileSync(join(directory, FETCHED_MARK), 'utf8').split('\n');
    return new Map(lines.filter((line) => line !== '').map((line) => [line.replace(/^\S+ \S+ /, ''), line]));
  } catch {
    return undefined;
  }
}

function lineOf(directory: string, path: string): string | undefined {
  const found = lstatSync(join(directory, path), { throwIfNoEntry: false, bigint: true });
  return found === undefined ? undefined : `${found.size} ${found.mtimeNs} ${path}`;
}
