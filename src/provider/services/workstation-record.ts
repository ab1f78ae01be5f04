import { z } from 'zod';
import { RecordFile } from '../../files/record';

const schema = z.object({
  /** Address of the sshd for VMs that are machines of their own on the network. */
  address: z.string().nullable().default(null),
  sshdPort: z.number(),
  hubPort: z.number(),
  /** Null: what the hub has by itself. */
  hubExpiryDays: z.number().nullable().default(null),
  tunnelPorts: z.object({ first: z.number(), last: z.number() }),
  developers: z.array(z.string()).readonly(),
  sshd: z.object({
    program: z.string(),
    operator: z.string(),
    operatorIsRoot: z.boolean(),
    usePam: z.boolean(),
    strictModes: z.boolean(),
    hasPerSourcePenalties: z.boolean(),
  }),
  /** Absolute path of the Node that runs the hub. */
  node: z.string(),
  /** sha256 of the hub's files as copied. */
  hubRevision: z.string(),
  /** What keeps the services running. */
  runner: z.enum(['user-units', 'supervisor']).default('supervisor'),
  /** Whether `/run/sshd` was made for our sshd. */
  madeRunDirectory: z.boolean(),
});

export type WorkstationRecord = z.infer<typeof schema>;

/**
 * `workstation.json`: facts and choices of the last deploy, which spare a plan the search. When the content is damaged,
 * the next deploy finds them again and a destroy does without; only whether buildfleet made `/run/sshd`, which is gone
 * after a boot, is lost. An import, which has no other source, refuses.
 */
export const workstationRecord = new RecordFile<WorkstationRecord>({
  file: 'workstation.json',
  shape: schema,
  repair: 'restore it from a backup, or deploy: it is then written anew',
});
