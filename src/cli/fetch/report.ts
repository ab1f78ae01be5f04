import { z } from 'zod';

/** A file that has arrived. */
const fetchedSchema = z.strictObject({
  kind: z.enum(['executable', 'library']),
  package: z.string(),
  name: z.string(),
  path: z.string().describe('absolute'),
  sizeBytes: z.number().int(),
  sha256: z.string(),
});

/** The document that `buildfleet fetch --json` prints. */
export const fetchReportSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    vm: z.string().describe('name of the VM that they come from'),
    to: z.string().describe('absolute path of the directory'),
    files: z.array(fetchedSchema).describe('executables and libraries; empty with --all'),
  })
  .describe('What `buildfleet fetch --json` prints.');

export type Fetched = Readonly<z.infer<typeof fetchedSchema>>;
export type FetchReport = z.infer<typeof fetchReportSchema>;
