import { existsSync, lstatSync, readdirSync, renameSync, rmSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { claimName, isAlive, parseClaim } from '../files/claim-name';
import { withLock } from '../files/lock';
import { type ImageFormat, imageFormatSchema } from '../model/hypervisor';
import { imageFile } from '../model/paths';
import type { Run } from '../process/run';
import { BUILDING } from './cache';
import { removeStage } from './stage';

/** One image of the cache. */
export interface CacheEntry {
  readonly hash: string;
  /** Absolute, with everything that the cache has of this image. */
  readonly directory: string;
  readonly formats: readonly ImageFormat[];
  /** As the file system counts it. */
  readonly sizeBytes: number;
  readonly builtAt: Date;
  /** When it was last built, looked for by a deploy, or read; reads count once a day, or never on some file systems. */
  readonly usedAt: Date;
}

/** Leftover of a killed builder. */
export interface Leftover {
  readonly directory: string;
  readonly sizeBytes: number;
}

/** Result of {@link CacheInventory.remove}; not done when a process builds the image or it was used in the meantime. */
export type Removal = { readonly done: true } | { readonly done: false; readonly reason: string };

const HASH = /^[0-9a-f]{64}$/;

/** Content of an image cache, and its removal. */
export class CacheInventory {
  private readonly images: string;

  /** @param cacheDirectory absolute; an inventory of none is empty */
  constructor(private readonly cacheDirectory: string) {
    this.images = join(cacheDirectory, 'images');
  }

  /** Whole images, the one used last first. */
  entries(): CacheEntry[] {
    return this.names()
      .filter((name) => HASH.test(name))
      .map((hash) => this.entry(hash))
      .filter((entry) => entry !== undefined)
      .sort((a, b) => b.usedAt.getTime() - a.usedAt.getTime());
  }

  /** Work directories whose builder does not run any more. */
  leftovers(): Leftover[] {
    return this.names().flatMap((name) => {
      const builder = name.startsWith(BUILDING) ? parseClaim(name.slice(BUILDING.length)) : undefined;
      if (builder === undefined || isAlive(builder)) return [];
      const directory = join(this.images, name);
      return [{ directory, sizeBytes: allocatedBytes(directory) }];
    });
  }

  /** Removes a leftover, and the stage that its builder had elsewhere. */
  async removeLeftover({ directory }: Leftover, run: Run): Promise<void> {
    await removeStage(directory, run);
    rmSync(directory, { recursive: true, force: true });
  }

  /**
   * Removes an image, unless a process builds it, waits for it, or has used it since the entry was read. It is gone at
   * once or stays whole; a kill during the removal leaves a leftover.
   *
   * @throws AbortError when the signal fires
   */
  async remove(entry: CacheEntry, signal: AbortSignal): Promise<Removal> {
    const taken = new AbortController();
    let holder = 0;
    try {
      return await withLock(
        join(this.cacheDirectory, 'locks', `image-${entry.hash}`),
        () => Promise.resolve(this.removeLocked(entry)),
        {
          signal: AbortSignal.any([signal, taken.signal]),
          onWait: (pid) => {
            holder = pid;
            taken.abort();
          },
        },
      );
    } catch (error) {
      if (signal.aborted || !taken.signal.aborted) throw error;
      return { done: false, reason: `process ${holder} builds it or waits for it` };
    }
  }

  private removeLocked({ hash, directory, usedAt }: CacheEntry): Removal {
    const now = this.entry(hash);
    if (now !== undefined && now.usedAt.getTime() !== usedAt.getTime())
      return { done: false, reason: 'it was used just now' };
    const doomed = join(this.images, BUILDING + claimName());
    if (now !== undefined) renameSync(directory, doomed);
    rmSync(doomed, { recursive: true, force: true });
    return { done: true };
  }

  private names(): string[] {
    return existsSync(this.images) ? readdirSync(this.images) : [];
  }

  /** Undefined when it is being removed. */
  private entry(hash: string): CacheEntry | undefined {
    const directory = join(this.images, hash);
    const own = statSync(directory, { throwIfNoEntry: false });
    if (own === undefined) return undefined;
    const disks = imageFormatSchema.options
      .map((format) => ({
        format,
        seen: statSync(imageFile(this.cacheDirectory, hash, format), { throwIfNoEntry: false }),
      }))
      .filter((disk): disk is { format: ImageFormat; seen: Stats } => disk.seen !== undefined);
    const modified = disks.map(({ seen }) => seen.mtimeMs);
    return {
      ...{ hash, directory, formats: disks.map(({ format }) => format), sizeBytes: allocatedBytes(directory) },
      builtAt: new Date(modified.length === 0 ? own.mtimeMs : Math.max(...modified)),
      usedAt: new Date(Math.max(own.mtimeMs, ...modified, ...disks.map(({ seen }) => seen.atimeMs))),
    };
  }
}

/** Blocks that the file system gave to the path and everything below it. */
function allocatedBytes(path: string): number {
  const seen = lstatSync(path, { throwIfNoEntry: false });
  if (seen === undefined) return 0;
  const below = seen.isDirectory() ? readdirSync(path).map((name) => allocatedBytes(join(path, name))) : [];
  return below.reduce((sum, bytes) => sum + bytes, seen.blocks * 512);
}
