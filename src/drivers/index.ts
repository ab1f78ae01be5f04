import type { Hypervisor } from '../model/hypervisor';
import type { DriverOptions, HypervisorDriver } from './driver';
import type { Preflight } from './preflight';
import * as qemu from './qemu';
import * as virtualbox from './virtualbox';

/** The code of each hypervisor; its features stand in `hypervisors.ts`. */
const FOLDERS: Readonly<
  Record<Hypervisor, { createDriver(options: DriverOptions): HypervisorDriver; readonly preflight: Preflight }>
> = { qemu, virtualbox };

/** The driver of a hypervisor. Cheap: nothing is looked at before a method is called. */
export function createDriver(hypervisor: Hypervisor, options: DriverOptions): HypervisorDriver {
  return FOLDERS[hypervisor].createDriver(options);
}

/** Checks of `buildfleet doctor` for a hypervisor. */
export function preflightOf(hypervisor: Hypervisor): Preflight {
  return FOLDERS[hypervisor].preflight;
}
