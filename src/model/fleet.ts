import { z } from 'zod';
import { hypervisorSchema } from './hypervisor';
import { imageBuilderSchema } from './image-definition';
import { nameSchema, singleLineSchema } from './names';
import { portSchema } from './port';

/**
 * `fleet.json`: everything a client of the fleet needs, written by synth and put into the state directory by deploy.
 * Paths may begin with `~/`.
 */
export const fleetSchema = z.strictObject({
  formatVersion: z.literal(1),
  /** Name of the stack. */
  fleet: nameSchema,
  stateDirectory: singleLineSchema,
  workstation: z.strictObject({
    mode: z.enum(['embedded']),
    sshdPort: portSchema,
    tunnelPorts: z.strictObject({ first: portSchema, last: portSchema }),
    /** Rendered client configuration with one Host block a VM. */
    sshConfig: singleLineSchema,
    /** Private key that opens the VMs. */
    developerKey: singleLineSchema,
  }),
  hub: z.strictObject({ url: singleLineSchema, domain: singleLineSchema, capabilityType: singleLineSchema }),
  hosts: z.array(z.strictObject({ id: nameSchema, hypervisor: hypervisorSchema, connection: z.enum(['local']) })),
  images: z.array(
    z.strictObject({
      id: nameSchema,
      definitionHash: z.string(),
      /** What builds it where no cache has it. */
      builder: imageBuilderSchema,
      /** Versions in the image, the default first. */
      ghcVersions: z.array(z.string()).min(1),
      cabalVersion: z.string(),
    }),
  ),
  vms: z.array(
    z.strictObject({
      /** As in `main.ts`: `alpha`. */
      id: nameSchema,
      /** VM name, host name and first alias: `haskell-build-alpha`. */
      name: nameSchema,
      aliases: z.array(nameSchema),
      default: z.boolean(),
      host: nameSchema,
      image: nameSchema,
      tunnelPort: portSchema,
      cpus: z.number().int(),
      memoryMib: z.number().int(),
    }),
  ),
});

export type Fleet = z.infer<typeof fleetSchema>;
export type FleetVm = Fleet['vms'][number];
