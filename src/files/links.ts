import { lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/**
 * The file that an absolute path leads to, all links resolved, also one whose target does not exist yet. Linux gives up
 * after 40 links, too.
 *
 * @throws the system's error, ELOOP for links in a circle
 */
export function followLinks(path: string, left = 40): string {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
    if (left === 0) throw Object.assign(new Error('too many links'), { code: 'ELOOP', path });
    return followLinks(resolve(dirname(path), readlinkSync(path)), left - 1);
  }
  const directory = dirname(path);
  return statSync(directory, { throwIfNoEntry: false }) === undefined
    ? path
    : join(realpathSync(directory), basename(path));
}
