import { z } from 'zod';
import { SHELLS } from './shells';

/** The document that `buildfleet completion --json` prints. */
export const completionSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    shell: z.enum(SHELLS),
    script: z.string().describe('to be read by that shell'),
  })
  .describe('What `buildfleet completion --json` prints.');

export type CompletionDocument = z.infer<typeof completionSchema>;
