import { z } from 'zod';
import { portSchema } from '../../model/port';
import { portEntrySchema } from '../../model/port-registry';

/** The document that `buildfleet ports list --json` prints. */
export const portListSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    ports: z
      .array(z.strictObject({ port: portSchema, ...portEntrySchema.shape }))
      .describe('as in port-registry.yml, by number'),
  })
  .describe('What `buildfleet ports list --json` prints.');

/** The document that `buildfleet ports release --json` prints. */
export const portReleaseSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    released: z.strictObject({ port: portSchema, vm_name: z.string().describe('name of the VM that had it') }),
  })
  .describe('What `buildfleet ports release --json` prints.');

export type PortList = z.infer<typeof portListSchema>;
export type PortRelease = z.infer<typeof portReleaseSchema>;
