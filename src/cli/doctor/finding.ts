import { z } from 'zod';
import { observationSchema } from '../../model/finding';

/** What one check found. */
export const findingSchema = z.strictObject({ check: z.string(), ...observationSchema.shape });
export type Finding = z.infer<typeof findingSchema>;

/** The document that `buildfleet doctor --json` prints. */
export const doctorReportSchema = z.strictObject({
  formatVersion: z.literal(1),
  /** Null when no fleet is deployed here: the workstation is then looked at for the default one. */
  fleet: z.string().nullable(),
  fleetFile: z.string().nullable(),
  findings: z.array(findingSchema),
});
export type DoctorReport = z.infer<typeof doctorReportSchema>;
