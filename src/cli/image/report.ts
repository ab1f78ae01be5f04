import { z } from 'zod';
import { imageFormatSchema } from '../../model/hypervisor';
import type { CacheEntry } from '../../images/inventory';
import type { ImageUse } from './uses';

const imageSchema = z.strictObject({
  names: z.array(z.string()).describe('what fleets call it; none when no deployed fleet describes it'),
  hash: z.string(),
  formats: z.array(imageFormatSchema),
  sizeBytes: z.number().int().describe('of all formats'),
  builtAt: z.iso.datetime(),
  usedAt: z.iso.datetime(),
  usedBy: z.array(z.string()).describe('fleets, VMs and processes that need it'),
});
export type ImageReport = z.infer<typeof imageSchema>;

/** The document that `buildfleet image list --json` prints. */
export const imageListSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    cacheDirectory: z.string(),
    images: z.array(imageSchema).describe('the one used last first'),
  })
  .describe('What `buildfleet image list --json` prints.');
export type ImageListReport = z.infer<typeof imageListSchema>;

const removedSchema = z.strictObject({
  hash: z.string().nullable().describe('null for what a killed builder left'),
  directory: z.string(),
  sizeBytes: z.number().int(),
});

/** The document that `buildfleet image gc --json` prints. */
export const imageGcSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    cacheDirectory: z.string(),
    dryRun: z.boolean().describe('nothing was removed; `removed` and `freedBytes` say what would have been'),
    removed: z.array(removedSchema),
    kept: z.array(z.strictObject({ hash: z.string(), reason: z.string() })),
    freedBytes: z.number().int(),
  })
  .describe('What `buildfleet image gc --json` prints.');
export type ImageGcReport = z.infer<typeof imageGcSchema>;

/** The document that `buildfleet image verify --json` prints. */
export const imageVerifySchema = z
  .strictObject({
    formatVersion: z.literal(1),
    image: z.string(),
    hash: z.string(),
    identical: z.boolean(),
    comparedWith: z
      .enum(['cache', 'new-builds'])
      .describe(
        'cache: with the image in the cache; new-builds: two builds of now, because there is none of this mirror state',
      ),
    changedPackages: z
      .array(z.string())
      .describe('packages that the mirror has in another version than the image in the cache'),
    difference: z
      .strictObject({ path: z.string().nullable().describe('null for what belongs to no file'), what: z.string() })
      .nullable()
      .describe('the first file that differs, by path'),
  })
  .describe('What `buildfleet image verify --json` prints.');
export type ImageVerifyReport = z.infer<typeof imageVerifySchema>;

/** The document that `buildfleet image warm --json` prints. */
export const imageWarmSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    image: z.string(),
    hash: z.string(),
    cpus: z.number().int(),
    memoryMib: z.number().int(),
    outcome: z.enum(['made', 'present']).describe('present: there was a snapshot already'),
  })
  .describe('What `buildfleet image warm --json` prints.');
export type ImageWarmReport = z.infer<typeof imageWarmSchema>;

/** One image with all of its uses. */
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
