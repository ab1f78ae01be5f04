import { z } from 'zod';

/** A problem for display, and its remedy. */
const problemSchema = z.strictObject({ reason: z.string(), remedy: z.string() });

export const powerSchema = z
  .strictObject({
    state: z.enum(['running', 'stopped', 'paused', 'crashed', 'missing', 'unknown']),
    detail: z.string().describe('what the hypervisor says, or why it could not be asked'),
  })
  .describe('missing: the hypervisor knows no such VM; unknown: it could not be asked');

export const tunnelSchema = z
  .strictObject({
    state: z.enum(['up', 'slow', 'closed', 'silent', 'wrong-host-key', 'not-ssh', 'unknown']),
    detail: z.string(),
  })
  .describe(
    "up: an sshd with the pinned host key answers on the VM's port of the workstation; slow: it did not prove that in " +
      'the time there is, but the VM is alive',
  );

export const hubEntrySchema = z
  .strictObject({
    state: z.enum(['fresh', 'stale', 'unknown-age', 'wrong-port', 'missing', 'hub-down', 'hub-unreadable']),
    heartbeatAgeSeconds: z.number().nullable().describe('seconds since the last heartbeat'),
    ghcVersions: z.array(z.string()).describe('as the VM reports them, the default first'),
  })
  .describe(
    "unknown-age: the hub keeps no time of change; wrong-port: the entry names another port than the VM's; hub-down: " +
      'the hub does not run or does not answer; hub-unreadable: what answers there cannot be read',
  );

const factsSchema = z
  .strictObject({
    cpus: z.number().nullable(),
    load: z.number().nullable().describe('load average of one minute'),
    memoryMib: z.number().nullable(),
    memoryFreeMib: z.number().nullable().describe('what programs can still have'),
    diskFreeMib: z.number().nullable().describe('room for workspaces in /build'),
    uptimeSeconds: z.number().nullable(),
    clockAheadSeconds: z.number().nullable().describe("how far its clock was from the hub's; negative: behind"),
    builds: z.array(z.string()).nullable().describe('workspaces in which a build runs'),
  })
  .describe('what the VM said with its last heartbeat; null is what it did not say');

export const imageSchema = z
  .strictObject({
    id: z.string().describe('its name in main.ts'),
    state: z.enum(['current', 'outdated', 'unknown']),
    definitionHash: z.string().describe('what the fleet wants'),
    hash: z.string().nullable().describe("what the VM's disk was made from"),
    ageDays: z.number().int().nullable().describe('days since that was built, where the cache still has it'),
  })
  .describe('the image of the VM against the definition in fleet.json');

/** One VM in `buildfleet status --json`. */
const vmStatusSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  aliases: z.array(z.string()),
  default: z.boolean(),
  host: z.string(),
  tunnelPort: z.number().int(),
  power: powerSchema,
  tunnel: tunnelSchema,
  hubEntry: hubEntrySchema,
  facts: factsSchema,
  image: imageSchema,
  login: z.string().describe('command that logs in'),
  usable: z.boolean(),
  problem: problemSchema.nullable().describe('why the VM cannot be used; null exactly when it can'),
  notes: z.array(problemSchema).describe('deviations that do not prevent use of the VM'),
});

/** The document that `buildfleet status --json` prints; docs/reference/status.schema.json is made of it. */
export const statusReportSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    fleet: z.string(),
    fleetFile: z.string().describe('the fleet.json that was read'),
    hub: z.strictObject({
      url: z.string(),
      reachable: z.boolean(),
      detail: z.string().describe('why it is not reachable'),
    }),
    vms: z.array(vmStatusSchema),
  })
  .describe('What `buildfleet status --json` prints, and each line of `buildfleet status --watch --json`.');

export type StatusReport = z.infer<typeof statusReportSchema>;
export type VmStatus = z.infer<typeof vmStatusSchema>;
export type Power = z.infer<typeof powerSchema>;
export type Tunnel = z.infer<typeof tunnelSchema>;
export type HubEntry = z.infer<typeof hubEntrySchema>;
export type Facts = z.infer<typeof factsSchema>;
export type Image = z.infer<typeof imageSchema>;
export type Problem = z.infer<typeof problemSchema>;
