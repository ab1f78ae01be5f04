import { z } from 'zod';

const levelSchema = z
  .enum(['ok', 'note', 'warning', 'problem'])
  .describe(
    'ok: as it should be; note: worth knowing, nothing has to be done; warning: something will not work, or not well, ' +
      'in a case that may not be yours; problem: the fleet cannot be deployed or used',
  );

/** What one check found. */
export const findingSchema = z.strictObject({
  check: z.string(),
  level: levelSchema,
  found: z.string(),
  remedy: z.string().nullable().describe('null where nothing can or has to be done'),
});
export type Finding = z.infer<typeof findingSchema>;

/** The document that `buildfleet doctor --json` prints. */
export const doctorReportSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    fleet: z
      .string()
      .nullable()
      .describe('null when no fleet is deployed here: the workstation is then looked at for the default one'),
    fleetFile: z.string().nullable().describe('the fleet.json that was read'),
    findings: z.array(findingSchema),
  })
  .describe('What `buildfleet doctor --json` prints.');
export type DoctorReport = z.infer<typeof doctorReportSchema>;

/** A finding of a check that does not know its own name. */
export type Observation = Omit<Finding, 'check'>;

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
