import { z } from 'zod';

/** The document that `buildfleet hub serve --json` prints. */
export const listeningSchema = z
  .strictObject({ url: z.string(), port: z.number().int().min(1).max(65535) })
  .describe('What `buildfleet hub serve --json` prints once it listens.');

/** The document that `buildfleet hub forget --json` prints. */
export const forgottenSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    hub: z.string().describe('url of the State Hub'),
    title: z.string(),
    deleted: z.array(z.string()).describe('ids of the entries that had this title'),
  })
  .describe('What `buildfleet hub forget --json` prints.');

export type Listening = z.infer<typeof listeningSchema>;
export type Forgotten = z.infer<typeof forgottenSchema>;
