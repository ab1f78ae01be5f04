import { z } from 'zod';

/** Why a VM cannot be used and what to do about it. */
export const problemSchema = z.strictObject({ reason: z.string(), remedy: z.string() });

/** `missing`: the hypervisor knows no such VM. `unknown`: it could not be asked, `detail` says why. */
export const powerSchema = z.strictObject({
  state: z.enum(['running', 'stopped', 'paused', 'crashed', 'missing', 'unknown']),
  detail: z.string(),
});

/** `up`: an sshd with the pinned host key answers on the VM's port of the workstation. */
export const tunnelSchema = z.strictObject({
  state: z.enum(['up', 'closed', 'silent', 'wrong-host-key', 'not-ssh', 'unknown']),
  detail: z.string(),
});

/** `unknown-age`: the hub keeps no time of change. `wrong-port`: the entry is of a VM on another port. */
export const hubEntrySchema = z.strictObject({
  state: z.enum(['fresh', 'stale', 'unknown-age', 'wrong-port', 'missing', 'hub-down']),
  /** Seconds since the last heartbeat. */
  heartbeatAgeSeconds: z.number().nullable(),
  /** As the VM reports them, the default first. */
  ghcVersions: z.array(z.string()),
});

/** One VM in `buildfleet status --json`. */
export const vmStatusSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  aliases: z.array(z.string()),
  default: z.boolean(),
  host: z.string(),
  tunnelPort: z.number().int(),
  power: powerSchema,
  tunnel: tunnelSchema,
  hubEntry: hubEntrySchema,
  /** Command that logs in. */
  login: z.string(),
  usable: z.boolean(),
  /** Null exactly when the VM is usable. */
  problem: problemSchema.nullable(),
});

/** The document that `buildfleet status --json` prints. */
export const statusReportSchema = z.strictObject({
  formatVersion: z.literal(1),
  fleet: z.string(),
  /** The `fleet.json` that was read. */
  fleetFile: z.string(),
  hub: z.strictObject({ url: z.string(), reachable: z.boolean(), detail: z.string() }),
  vms: z.array(vmStatusSchema),
});

export type StatusReport = z.infer<typeof statusReportSchema>;
export type VmStatus = z.infer<typeof vmStatusSchema>;
export type Power = z.infer<typeof powerSchema>;
export type Tunnel = z.infer<typeof tunnelSchema>;
export type HubEntry = z.infer<typeof hubEntrySchema>;
export type Problem = z.infer<typeof problemSchema>;
