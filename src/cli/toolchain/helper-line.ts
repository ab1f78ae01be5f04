import { z } from 'zod';

/** One package after a request. `present`: it had been there before. */
export const addedPackageSchema = z.strictObject({
  name: z.string(),
  version: z.string(),
  change: z.enum(['added', 'present']),
});

const errorSchema = z.strictObject({ code: z.string(), problem: z.string(), remedy: z.string() });

/** A line that build-helper.py and add-ghc.py print. */
const lineSchema = z.union([
  z.strictObject({ type: z.literal('progress'), text: z.string() }),
  z.strictObject({
    type: z.literal('result'),
    ok: z.literal(true),
    code: z.literal(0),
    packages: z.array(addedPackageSchema),
  }),
  z.strictObject({ type: z.literal('result'), ok: z.literal(false), code: z.number(), error: errorSchema }),
]);

export type HelperLine = z.infer<typeof lineSchema>;
export type HelperResult = Extract<HelperLine, { type: 'result' }>;

/** Reads one line; undefined for what none of the two has printed, such as a remark of ssh. */
export function parseHelperLine(line: string): HelperLine | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return lineSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
