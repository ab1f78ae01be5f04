import { z } from 'zod';

/** Steps of a smoke test, in this order; the hub is asked meanwhile. */
const stepNameSchema = z.enum(['tunnel', 'ghc version', 'hub entry', 'compile', 'run', 'fetch result']);

/** One step that was tried. */
const stepSchema = z.strictObject({
  step: stepNameSchema,
  ok: z.boolean(),
  seconds: z.number(),
  detail: z.string().describe('what was found; why it failed'),
  remedy: z.string().describe('empty when the step succeeded'),
});

/** The document that `buildfleet smoke --json` prints; docs/reference/smoke.schema.json is made of it. */
export const smokeReportSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    fleet: z.string(),
    vms: z.array(
      z.strictObject({
        id: z.string(),
        name: z.string(),
        ok: z.boolean().describe('whether every step succeeded'),
        steps: z.array(stepSchema).describe('those that were tried, in the order in which they ended'),
      }),
    ),
  })
  .describe('What `buildfleet smoke --json` prints at the end.');

export type StepName = z.infer<typeof stepNameSchema>;
export type Step = Readonly<z.infer<typeof stepSchema>>;
export type SmokeReport = z.infer<typeof smokeReportSchema>;
