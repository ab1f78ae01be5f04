import { readlinkSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, relative } from 'node:path';
import type { Run } from '../../process/run';

/** Directories that are never sent, and can be large. */
const SKIPPED = ['.git', 'dist-newstyle', '.stack-work'];

/**
 * Symbolic links that lead out of the project to a directory that holds the link itself. What such a link leads to
 * cannot be sent in its place: it would hold the link again.
 *
 * @param root absolute path of the project, without symbolic links
 * @returns paths relative to the project
 */
export async function endlessLinks(run: Run, root: string, signal: AbortSignal): Promise<string[]> {
  const names = SKIPPED.flatMap((name) => ['-name', name, '-o']).slice(0, -1);
  const { stdout } = await run(
    'find',
    [root, '-type', 'd', '(', ...names, ')', '-prune', '-o', '-type', 'l', '-print0'],
    // What cannot be looked into is told by rsync, and better.
    { signal, acceptExitCodes: [0, 1] },
  );
  return stdout
    .split('\0')
    .filter((path) => path !== '' && isEndless(root, path))
    .map((path) => relative(root, path));
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
