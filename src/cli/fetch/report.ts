import { z } from 'zod';

/** A file that has arrived. */
const fetchedSchema = z.strictObject({
  kind: z.enum(['executable', 'library', 'foreign-library', 'file']).describe('`file` is what --path brings'),
  package: z.string().describe('empty of a `file`'),
  name: z
    .string()
    .describe('of the executable, the foreign library or the unit of the library; of a `file` its path there'),
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
    files: z.array(fetchedSchema).describe('empty with --all'),
    remarks: z.array(z.string()).describe('what is not fetched, and what does not run here, one line each'),
  })
  .describe('What `buildfleet fetch --json` prints.');

export type Fetched = Readonly<z.infer<typeof fetchedSchema>>;
export type FetchReport = z.infer<typeof fetchReportSchema>;
