import type { Run } from '../../process/run';
import type { CacheEntry, CacheInventory } from '../../images/inventory';
import type { ImageGcReport } from './report';
import { durationText } from '../../model/units';
import type { ImageUse } from './uses';

export interface GarbageRequest {
  readonly inventory: CacheInventory;
  readonly uses: readonly ImageUse[];
  readonly cacheDirectory: string;
  readonly dryRun: boolean;
  /** An image that was used later than this is kept: a deploy may be about to make its first VM from it. */
  readonly minAgeMinutes: number;
  readonly now: Date;
  readonly run: Run;
  readonly signal: AbortSignal;
}

/**
 * Removes images without a use, and leftovers. Images whose use cannot be excluded stay.
 *
 * @throws the system's error when something cannot be removed
 */
export async function collectGarbage(request: GarbageRequest): Promise<ImageGcReport> {
  const { inventory, cacheDirectory, dryRun, run, signal } = request;
  const removed: ImageGcReport['removed'] = [];
  const kept: ImageGcReport['kept'] = [];
  for (const leftover of inventory.leftovers()) {
    signal.throwIfAborted();
    if (!dryRun) await inventory.removeLeftover(leftover, run);
    removed.push({ hash: null, ...leftover });
  }
  for (const entry of inventory.entries()) {
    const { hash, directory, sizeBytes } = entry;
    const reason = reasonToKeep(entry, request) ?? (dryRun ? null : await remove(entry, request));
    if (reason === null) removed.push({ hash, directory, sizeBytes });
    else kept.push({ hash, reason });
  }
  const freedBytes = removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { formatVersion: 1, cacheDirectory, dryRun, removed, kept, freedBytes };
}

function reasonToKeep({ hash, usedAt }: CacheEntry, { uses, now, minAgeMinutes }: GarbageRequest): string | null {
  const users = uses.filter((use) => use.hash === hash).map(({ by }) => by);
  if (users.length > 0) return `used by ${[...new Set(users)].sort().join(', ')}`;
  const age = now.getTime() - usedAt.getTime();
  return age < minAgeMinutes * 60_000 ? `last used ${durationText(age / 1000)} ago` : null;
}

/** @returns why it stays, if it does */
async function remove(entry: CacheEntry, { inventory, signal }: GarbageRequest): Promise<string | null> {
  const removal = await inventory.remove(entry, signal);
  return removal.done ? null : removal.reason;
}
