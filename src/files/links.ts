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

/**
 * The path without symbolic links, by which a file has one name however it is spelled. Of a path that does not exist the
 * part that does is resolved.
 */
export function canonicalPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(canonicalPath(parent), basename(path));
  }
}

/** What is not ASCII in its title sshd writes as octal numbers of its bytes. */
function withoutOctalEscapes(title: string): string {
  return title.replace(/(?:\\[0-7]{3})+/g, (escapes) =>
    Buffer.from(Array.from(escapes.matchAll(/[0-7]{3}/g), ([octal]) => parseInt(octal, 8))).toString('utf8'),
  );
}

/** Whether a command line names a file below this directory, in any spelling of what is above it. Paths may have spaces. */
export function namesFileIn(directory: string, title: string): boolean {
  const wanted = canonicalPath(directory);
  const commandLine = withoutOctalEscapes(title);
  const name = `/${basename(wanted)}`;
  return [...commandLine.matchAll(/(?<=^|\s)\//g)].some(({ index: start }) => {
    for (let at = commandLine.indexOf(`${name}/`, start); at !== -1; at = commandLine.indexOf(`${name}/`, at + 1)) {
      if (canonicalPath(commandLine.slice(start, at + name.length)) === wanted) return true;
    }
    return false;
  });
}
