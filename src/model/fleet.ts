import { z } from 'zod';
import { bridgeAdapterSchema, hypervisorSchema, networkKindSchema, userNetworkSchema } from './hypervisor';
import { imageBuilderSchema } from './image-definition';
import { hubUrlSchema, nameSchema, singleLineSchema } from './names';
import { portSchema } from './port';

/**
 * `fleet.json`: everything a client of the fleet needs, written by synth and put into the state directory by deploy.
 * Paths may begin with `~/`. Optional members are those that files of earlier versions lack; `completeFleet` says what they
 * stood for.
 */
export const fleetSchema = z.strictObject({
  formatVersion: z.literal(1),
  /** Name of the stack. */
  fleet: nameSchema,
  stateDirectory: singleLineSchema,
  /** Images, and what was found out about this machine. */
  cacheDirectory: singleLineSchema.optional(),
  workstation: z.strictObject({
    mode: z.enum(['embedded']),
    sshdPort: portSchema,
    tunnelPorts: z.strictObject({ first: portSchema, last: portSchema }),
    /** Rendered client configuration with one Host block a VM. */
    sshConfig: singleLineSchema,
    /** The operator's own client configuration, which includes the rendered one. */
    operatorSshConfig: singleLineSchema.optional(),
    /** Private key that opens the VMs. */
    developerKey: singleLineSchema,
  }),
  hub: z.strictObject({ url: hubUrlSchema, domain: singleLineSchema, capabilityType: singleLineSchema }),
  hosts: z.array(
    z.strictObject({
      id: nameSchema,
      hypervisor: hypervisorSchema,
      connection: z.enum(['local']),
      network: networkKindSchema.optional(),
      /** Adapter that bridged VMs use; null leaves the choice to the deploy. */
      bridgeAdapter: bridgeAdapterSchema.nullable().optional(),
      /** What QEMU VMs reach of this machine; absent is the default. */
      userNetwork: userNetworkSchema.optional(),
    }),
  ),
  images: z.array(
    z.strictObject({
      id: nameSchema,
      definitionHash: z.string(),
      /** What builds it where no cache has it. */
      builder: imageBuilderSchema,
      /** Hypervisor of the machine that it is installed on; null where it is built without one. */
      buildHypervisor: hypervisorSchema.nullable().optional(),
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
      /** Between two heartbeats. Where it is absent, the VM's entry in the State Hub says it. */
      heartbeatSeconds: z.number().int().min(1).optional(),
    }),
  ),
});

/** A `fleet.json` as it lies on the disk, of this version or an earlier one. */
export type FleetFile = z.infer<typeof fleetSchema>;

/** A fleet as clients see it, independent of the version that wrote its file. */
export type Fleet = Complete<Omit<FleetFile, 'workstation' | 'hosts' | 'images'>> & {
  workstation: Complete<FleetFile['workstation']>;
  hosts: Complete<FleetFile['hosts'][number]>[];
  images: Complete<FleetFile['images'][number]>[];
};
export type FleetVm = Fleet['vms'][number];

type Complete<T> = { [K in keyof T]-?: Exclude<T[K], undefined> };
