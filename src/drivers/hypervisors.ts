import type { Hypervisor } from '../model/hypervisor';
import type { HypervisorFeatures } from './features';
import { features as qemu } from './qemu/features';
import { features as virtualbox } from './virtualbox/features';

/** What each hypervisor can do. Pure, so that constructs read what the drivers declare. */
export const HYPERVISORS: Readonly<Record<Hypervisor, HypervisorFeatures>> = { qemu, virtualbox };
