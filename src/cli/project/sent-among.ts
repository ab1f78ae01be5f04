import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { makeScratchDirectory } from '../../files/scratch-directory';
import { FETCHED_MARK, fetchedIn } from './fetched';
import { type GitTools, ignoredAmong } from './git-paths';
import { readIgnoreFile } from './ignore-file';
import { filterRules, IGNORE_FILE } from './ignore-rules';
import { type Sending, unescaped } from './survey';

/** More paths are not looked at one by one. */
const MOST_PATHS = 500;

/**
 * Those of some files that a synchronisation would send, or delete where they are gone: rsync itself says it, of empty
 * files with the same paths.
 *
 * @param root absolute path of the project, without symbolic links
 * @param paths of files, relative to it. All of them are the answer where they are many, or cannot be looked at together
 * @throws FleetError `git-failed` or `ignore-file-refused`
 */
export async function sentAmong(
  tools: GitTools,
  { root, sending, paths }: { readonly root: string; readonly sending: Sending; readonly paths: readonly string[] },
): Promise<readonly string[]> {
  const own = paths.filter((path) => !isFetched(root, path));
  if (own.length === 0 || own.length > MOST_PATHS) return own;
  const ignored = sending.ignored ? new Set<string>() : await ignoredAmong(tools, root, own);
  const known = { products: [], unsent: [], ignored: [...ignored], tracked: [] };
  const scratch = makeScratchDirectory('buildfleet-changes-');
  try {
    const rules = join(scratch, 'rules');
    writeFileSync(rules, filterRules(readIgnoreFile(root), known, join(root, IGNORE_FILE)).join('\0'));
    const likeness = join(scratch, 'likeness');
    if (!own.every((path) => makeFile(join(likeness, path)))) return own;
    const { stdout } = await tools.run(
      'rsync',
      [
        ...['--recursive', '--dry-run', '--8-bit-output', '--out-format=%n', '--from0'],
        ...['--filter', `merge ${rules}`, '--', `${likeness}/`, join(scratch, 'nowhere/')],
      ],
      { signal: tools.signal },
    );
    const sent = new Set(stdout.split('\n').map(unescaped));
    return own.filter((path) => sent.has(path));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Whether `fetch` brought a file, as it is now. */
export function isFetched(root: string, path: string): boolean {
  for (let at = dirname(path); at !== '.'; at = dirname(at)) {
    if (!existsSync(join(root, at, FETCHED_MARK))) continue;
    const fetched = fetchedIn(join(root, at));
    if (fetched === 'all' || fetched.includes(relative(at, path))) return true;
  }
  return false;
}

/** A path may have been a file and become a directory. */
function makeFile(path: string): boolean {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
    return true;
  } catch {
    return false;
  }
}
