import { z } from 'zod';
import { CDK_COMMAND } from '../../model/cdk-command';
import { journalEventSchema } from '../../model/journal';

const changesSchema = z.strictObject({
  add: z.number().int(),
  change: z.number().int(),
  destroy: z.number().int(),
});

/** The last line that `deploy`, `diff` and `destroy` print with `--json`. */
export const deployResultSchema = z
  .strictObject({
    event: z.literal('result'),
    formatVersion: z.literal(1),
    command: z.enum(['deploy', 'diff', 'destroy']),
    stack: z.string(),
    exitCode: z.number().int(),
    interrupted: z.boolean(),
    seconds: z.number(),
    planned: changesSchema
      .nullable()
      .describe('what Terraform planned; null when it came to no plan, or to one without changes'),
    done: changesSchema.nullable().describe('what Terraform says that it did; null when it did not finish'),
    errors: z.array(z.string()).describe("Terraform's errors in full"),
    text: z.string().nullable().describe('the plan as Terraform prints it; only of diff'),
    log: z.string().nullable().describe(`file with everything that ${CDK_COMMAND} and Terraform printed`),
  })
  .describe('The last line.');

/** One line of what `deploy`, `diff` and `destroy` print with `--json`. */
export const deployLineSchema = z
  .union([journalEventSchema, deployResultSchema])
  .describe('Each line that the command prints with --json: events of the journal, and the result as the last one.');

export type DeployResult = z.infer<typeof deployResultSchema>;
