import { z } from 'zod';
import { singleLineSchema } from './names';

/** What can run a VM; `src/drivers/` has a folder for each. */
export const hypervisorSchema = z.enum(['qemu', 'virtualbox']);
export type Hypervisor = z.infer<typeof hypervisorSchema>;

/** Hypervisor of hosts without an explicit one. */
export const DEFAULT_HYPERVISOR: Hypervisor = 'qemu';

/** What a hypervisor makes a VM's disk from: a qcow2 file that it lies on, or an appliance that it is imported from. */
export const imageFormatSchema = z.enum(['qcow2', 'ova']);
export type ImageFormat = z.infer<typeof imageFormatSchema>;

/**
 * How a VM reaches others. `nat`: through its host. `bridged`: as a machine of its own on the network of one of the
 * host's adapters.
 */
export const networkKindSchema = z.enum(['nat', 'bridged']);
export type NetworkKind = z.infer<typeof networkKindSchema>;

/**
 * What a VM behind NAT reaches of the machine that runs it. `isolated`: the relay alone. `open`: every service of its
 * loopback and of its own addresses.
 */
export const userNetworkSchema = z.enum(['isolated', 'open']);
export type UserNetwork = z.infer<typeof userNetworkSchema>;

/** Name of a host's network adapter as the hypervisor spells it: `eth0`, `en0: Wi-Fi`, `Intel(R) Ethernet`. */
export const bridgeAdapterSchema = singleLineSchema
  .min(1)
  .max(128)
  .refine((name) => !name.startsWith('-'), 'must not begin with a hyphen');
