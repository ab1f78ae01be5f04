import { type Dirent, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';

/** Directories that are never sent, and can be large. */
const SKIPPED: readonly string[] = ['.git', 'dist-newstyle', '.stack-work'];

/**
 * Symbolic links that lead out of the project to a directory that holds the link itself. What such a link leads to
 * cannot be sent in its place: it would hold the link again.
 *
 * @param root absolute path of the project, without symbolic links
 * @returns paths relative to the project
 */
export function endlessLinks(root: string): string[] {
  return [...linksBelow(root)].filter((path) => isEndless(root, path)).map((path) => relative(root, path));
}

function* linksBelow(root: string): Generator<string> {
  const directories = [root];
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    for (const entry of entriesOf(directory)) {
      if (entry.isSymbolicLink()) yield join(directory, entry.name);
      else if (entry.isDirectory() && !SKIPPED.includes(entry.name)) directories.push(join(directory, entry.name));
    }
  }
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    // rsync reports directories that cannot be read, with a better message.
    return [];
  }
}

function isEndless(root: string, path: string): boolean {
  try {
    if (!leadsOut(relative(root, path), readlinkSync(path))) return false;
    const target = realpathSync(path);
    return target === '/' || `${dirname(path)}/`.startsWith(`${target}/`);
  } catch {
    // It leads nowhere.
    return false;
  }
}

/** What rsync calls unsafe: absolute, or on its way above the top of what is sent. */
function leadsOut(path: string, target: string): boolean {
  if (isAbsolute(target)) return true;
  let depth = path.split('/').length - 1;
  for (const component of target.split('/')) {
    if (component === '..') depth--;
    else if (component !== '.' && component !== '') depth++;
    if (depth < 0) return true;
  }
  return false;
}
