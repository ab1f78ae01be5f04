import { z } from 'zod';
import { imageFormatSchema } from '../../model/hypervisor';
import type { CacheEntry } from '../../images/inventory';
import type { ImageUse } from './uses';

const imageSchema = z.strictObject({
  /** What fleets call it; none when no deployed fleet describes it. */
  names: z.array(z.string()),
  hash: z.string(),
  formats: z.array(imageFormatSchema),
  sizeBytes: z.number().int(),
  builtAt: z.iso.datetime(),
  usedAt: z.iso.datetime(),
  /** Fleets, VMs and processes that need it. */
  usedBy: z.array(z.string()),
});
export type ImageReport = z.infer<typeof imageSchema>;

/** What `buildfleet image list --json` prints. */
export const imageListSchema = z.strictObject({
  formatVersion: z.literal(1),
  cacheDirectory: z.string(),
  images: z.array(imageSchema),
});

/** What `buildfleet image gc --json` prints. */
export const imageGcSchema = z.strictObject({
  formatVersion: z.literal(1),
  cacheDirectory: z.string(),
  /** Nothing was removed; `removed` and `freedBytes` say what would have been. */
  dryRun: z.boolean(),
  removed: z.array(z.strictObject({ hash: z.string().nullable(), directory: z.string(), sizeBytes: z.number().int() })),
  kept: z.array(z.strictObject({ hash: z.string(), reason: z.string() })),
  freedBytes: z.number().int(),
});
export type ImageGcReport = z.infer<typeof imageGcSchema>;

/** What `buildfleet image verify --json` prints. */
export const imageVerifySchema = z.strictObject({
  formatVersion: z.literal(1),
  image: z.string(),
  hash: z.string(),
  identical: z.boolean(),
  /** `cache`: with the image in the cache; `new-builds`: two builds of now, because there is none of this mirror state. */
  comparedWith: z.enum(['cache', 'new-builds']),
  /** Packages that the mirror has in another version than the image in the cache. */
  changedPackages: z.array(z.string()),
  /** The first file that differs, by path; null for what belongs to no file. */
  difference: z.strictObject({ path: z.string().nullable(), what: z.string() }).nullable(),
});
export type ImageVerifyReport = z.infer<typeof imageVerifySchema>;

/** One image with everybody who needs it. */
export function imageReport(entry: CacheEntry, uses: readonly ImageUse[]): ImageReport {
  const own = uses.filter(({ hash }) => hash === entry.hash);
  return {
    names: distinct(own.flatMap(({ name }) => (name === null ? [] : [name]))),
    ...{ hash: entry.hash, formats: [...entry.formats], sizeBytes: entry.sizeBytes },
    ...{ builtAt: entry.builtAt.toISOString(), usedAt: entry.usedAt.toISOString() },
    usedBy: distinct(own.map(({ by }) => by)),
  };
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
