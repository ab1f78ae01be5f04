import { z } from 'zod';

const changesSchema = z.strictObject({
  add: z.number().int(),
  change: z.number().int(),
  destroy: z.number().int(),
});

/** The last line that `deploy`, `diff` and `destroy` print with `--json`; the journal's events come before it. */
export const deployResultSchema = z.strictObject({
  event: z.literal('result'),
  formatVersion: z.literal(1),
  command: z.enum(['deploy', 'diff', 'destroy']),
  stack: z.string(),
  exitCode: z.number().int(),
  interrupted: z.boolean(),
  seconds: z.number(),
  /** What Terraform planned; null when it came to no plan, or to one without changes. */
  planned: changesSchema.nullable(),
  /** What Terraform says that it did; null when it did not finish. */
  done: changesSchema.nullable(),
  /** Terraform's errors in full. */
  errors: z.array(z.string()),
  /** The plan as Terraform prints it; only of `diff`. */
  text: z.string().nullable(),
  /** File with everything that cdktf and Terraform printed. */
  log: z.string().nullable(),
});

export type DeployResult = z.infer<typeof deployResultSchema>;
