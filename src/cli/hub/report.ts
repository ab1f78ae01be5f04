import { z } from 'zod';

/** The document that `buildfleet hub --json` prints. */
export const listeningSchema = z
  .strictObject({ url: z.string(), port: z.number().int().min(1).max(65535) })
  .describe('What `buildfleet hub --json` prints once it listens.');

export type Listening = z.infer<typeof listeningSchema>;
