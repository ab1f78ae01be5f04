import { z } from 'zod';

const outcomeSchema = z
  .enum(['unchanged', 'installed', 'updated', 'moved'])
  .describe('moved: the block was there, below lines that would have had their way');

/** The document that `buildfleet install-ssh-config --json` prints. */
export const installReportSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    file: z.string().describe("absolute path of the operator's ssh configuration"),
    outcome: outcomeSchema,
  })
  .describe('What `buildfleet install-ssh-config --json` prints.');

export type Outcome = z.infer<typeof outcomeSchema>;
export type InstallReport = z.infer<typeof installReportSchema>;
