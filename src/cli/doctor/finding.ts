import { z } from 'zod';
import { observationSchema } from '../../model/finding';

/** What one check found. */
export const findingSchema = z.strictObject({ check: z.string(), ...observationSchema.shape });
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
