import { z } from 'zod';
import { addedPackageSchema } from './helper-line';

/** Outcome of a request on one VM. */
const vmOutcomeSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  ok: z.boolean(),
  /** Every package that was asked for; empty when it failed. */
  packages: z.array(addedPackageSchema),
  /**
   * Whether the State Hub shows the GHC that was asked for; null where that was not looked for: after a failure, and
   * for packages.
   */
  inHub: z.boolean().nullable(),
  /** Null exactly when it is ok. `vm-not-usable` when the VM could not be reached; the helper's code otherwise. */
  error: z.strictObject({ code: z.string(), problem: z.string(), remedy: z.string() }).nullable(),
});

/** The document that `buildfleet add-package --json` and `buildfleet add-ghc --json` print. */
export const additionReportSchema = z.strictObject({
  formatVersion: z.literal(1),
  fleet: z.string(),
  vms: z.array(vmOutcomeSchema),
});

export type VmOutcome = z.infer<typeof vmOutcomeSchema>;
export type AdditionReport = z.infer<typeof additionReportSchema>;
