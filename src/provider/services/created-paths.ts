import { existsSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { inTurn } from '../../files/in-turn';
import { removeAbandonedWrites } from '../../files/atomic';
import { canonicalPath } from '../../files/links';
import { makeDirectories, removeEmptyDirectory } from '../../files/directories';
import { STATE_HOME } from '../../model/defaults';
import { expandHome } from '../../model/paths';
import { z } from 'zod';
import { RecordFile, valueOrRefusal } from '../../files/record';

/** One file or directory outside the state directories that buildfleet made. */
const createdPathSchema = z.object({
  path: z.string(),
  /** Users of the path that still need it; several fleets may share `~/.ssh/config`. */
  holders: z.array(z.string()).readonly(),
  /** Digest of the file as it was made, where a later change matters. */
  digest: z.string().optional(),
});

export type CreatedPath = z.infer<typeof createdPathSchema>;

/**
 * `created.json`. An unreadable one is refused: without it, created files would count as the operator's own, and files
 * that other fleets hold would be removed with the last file that this one knows of.
 */
const record = new RecordFile({
  file: 'created.json',
  shape: z.object({ created: z.array(createdPathSchema).readonly().default([]) }),
  repair: 'restore it from a backup, or remove it: what buildfleet made in the home directory then stays for good',
});

/**
 * Records the files and directories that buildfleet made in the operator's home directory, so that their last holder
 * removes them and files from before stay. Entries are written before their files: a kill between the two leaves an
 * entry without a file, never a file without an entry.
 */
export class CreatedPaths {
  private readonly file: string;

  /** @param home the operator's home directory; all fleets of an operator share one record */
  constructor(home: string) {
    this.file = record.path(expandHome(STATE_HOME, home));
  }

  /** The entry of a path that buildfleet made; undefined for everything else. */
  find(path: string): CreatedPath | undefined {
    return this.entries().find(isFor(path));
  }

  /**
   * Adds `holder` to the holders of this path. A path that exists without an entry is not buildfleet's and gets none.
   *
   * @returns whether buildfleet made it, or is about to
   */
  async hold(path: string, holder: string, signal: AbortSignal, digest?: string): Promise<boolean> {
    return inTurn(this.file, signal, () => {
      const entries = this.entries();
      const entry = entries.find(isFor(path));
      if (entry === undefined && existsSync(path)) return false;
      const holders = [...new Set([...(entry?.holders ?? []), holder])];
      const known = digest ?? entry?.digest;
      const next: CreatedPath = {
        path: entry?.path ?? path,
        holders,
        ...(known === undefined ? {} : { digest: known }),
      };
      this.save([...entries.filter((candidate) => candidate !== entry), next]);
      return true;
    });
  }

  /**
   * Reverts {@link hold}. The last holder's `remove` is called with the entry, which is forgotten then.
   */
  async release(
    path: string,
    holder: string,
    signal: AbortSignal,
    remove: (entry: CreatedPath) => void | Promise<void>,
  ): Promise<void> {
    await inTurn(this.file, signal, async () => {
      const entries = this.entries();
      const entry = entries.find(isFor(path));
      if (!entry?.holders.includes(holder)) return;
      const holders = entry.holders.filter((candidate) => candidate !== holder);
      const others = entries.filter((candidate) => candidate !== entry);
      if (holders.length === 0) await remove(entry);
      this.save(holders.length === 0 ? others : [...others, { ...entry, holders }]);
    });
  }

  /** Makes the directories above a file that are missing, 0700, and holds all of those that buildfleet made. */
  async holdDirectories(directory: string, holder: string, signal: AbortSignal): Promise<void> {
    if (dirname(directory) === directory) return;
    const ours = this.find(directory) !== undefined;
    if (!ours && existsSync(directory)) return;
    await this.holdDirectories(dirname(directory), holder, signal);
    if (await this.hold(directory, holder, signal)) makeDirectories(directory, 0o700);
  }

  /** Removes those directories again that buildfleet made, that are empty and that have no other holder. */
  async releaseDirectories(directory: string, holder: string, signal: AbortSignal): Promise<void> {
    for (let path = directory; this.find(path) !== undefined; path = dirname(path)) {
      await this.release(path, holder, signal, () => {
        removeEmptyDirectory(path);
      });
    }
  }

  private entries(): readonly CreatedPath[] {
    return valueOrRefusal(record.read(dirname(this.file)))?.created ?? [];
  }

  private save(created: readonly CreatedPath[]): void {
    removeAbandonedWrites(dirname(this.file), basename(this.file));
    if (created.length === 0) {
      rmSync(this.file, { force: true });
      removeEmptyDirectory(dirname(this.file));
      return;
    }
    makeDirectories(dirname(this.file), 0o700);
    const sorted = [...created].sort((one, other) => (one.path < other.path ? -1 : 1));
    record.write(dirname(this.file), { created: sorted });
  }
}

/** Also one that was recorded when the home directory was spelled otherwise. */
function isFor(path: string): (entry: CreatedPath) => boolean {
  return (entry) => entry.path === path || canonicalPath(entry.path) === canonicalPath(path);
}
