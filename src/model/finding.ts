import { z } from 'zod';

const levelSchema = z
  .enum(['ok', 'note', 'warning', 'problem'])
  .describe(
    'ok: as it should be; note: worth knowing, nothing has to be done; warning: something will not work, or not well, ' +
      'in a case that may not be yours; problem: the fleet cannot be deployed or used',
  );

/** What a look at one thing found. */
export const observationSchema = z.strictObject({
  level: levelSchema,
  found: z.string(),
  remedy: z.string().nullable().describe('null where nothing can or has to be done'),
});
export type Observation = z.infer<typeof observationSchema>;

export function ok(found: string): Observation {
  return { level: 'ok', found, remedy: null };
}

export function note(found: string, remedy: string | null = null): Observation {
  return { level: 'note', found, remedy };
}

export function warning(found: string, remedy: string): Observation {
  return { level: 'warning', found, remedy };
}

export function problem(found: string, remedy: string): Observation {
  return { level: 'problem', found, remedy };
}

/** {@link warning}, {@link problem}, or {@link note} with a remedy: how bad it is may depend on the fleet. */
export type Verdict = (found: string, remedy: string) => Observation;
