import { lstatSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Longest step in which a file system counts the times of changes, in ms: some count whole seconds, FAT two of them, and
 * Linux stamps what it writes with the time of its last tick.
 */
const WHOLE_SECONDS = 2000;
const TICK = 20;

/**
 * Files that were changed so shortly before they were sent that a further change may have got the same time: with the
 * same size, too, rsync would take what was sent for the newest for ever.
 *
 * @param root absolute, without symbolic links
 * @param names relative to `root`; those that are no files, or are below a link, are left out
 * @param since when the sending began, in ms
 * @returns their names, and the time from which on a change of any gets another time, in ms
 */
export function freshFiles(root: string, names: readonly string[], since: number): { names: string[]; until: number } {
  const fresh = names.flatMap((name) => {
    const path = join(root, name);
    const found = lstatSync(path, { throwIfNoEntry: false, bigint: true });
    // what a link leads to was sent from elsewhere
    if (found?.isFile() !== true || realpathSync(dirname(path)) !== dirname(path)) return [];
    const step = found.mtimeNs % 1_000_000_000n === 0n ? WHOLE_SECONDS : TICK;
    const until = Number(found.mtimeNs / 1_000_000n) + step;
    // a time in the future is not waited for
    return until >= since && until <= Date.now() + WHOLE_SECONDS ? [{ name, until }] : [];
  });
  return { names: fresh.map(({ name }) => name), until: Math.max(0, ...fresh.map(({ until }) => until)) };
}
