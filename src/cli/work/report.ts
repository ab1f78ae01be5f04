import { z } from 'zod';

/** The document that `buildfleet sync --json` prints. */
export const syncedSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    vm: z.string().describe('name of the VM'),
    workspace: z.string().describe('name of the directory below /build'),
    files: z.number().int().describe('how many were sent'),
    deleted: z.number().int().describe('how many were deleted there'),
    bytes: z.number().int().describe('sum of the sizes of the files that were sent'),
  })
  .describe('What `buildfleet sync --json` prints.');

export type Synced = z.infer<typeof syncedSchema>;
