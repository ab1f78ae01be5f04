import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { defaultVm, findVm, type LoadedFleet } from '../fleet-file';

/** What the command line says about where to work. */
export interface VmChoice {
  /** `--vm` */
  readonly vm?: string;
  /** `--all` */
  readonly all?: boolean;
}

/**
 * The VMs that are meant; the default VM unless something else is said.
 *
 * @throws FleetError `usage` or `vm-unknown`
 */
export function chooseVms(loaded: LoadedFleet, { vm, all = false }: VmChoice): readonly FleetVm[] {
  if (vm !== undefined && all) {
    throw new FleetError({ code: 'usage', problem: '--vm and --all exclude each other', remedy: 'give one of them' });
  }
  if (all && loaded.fleet.vms.length > 0) return loaded.fleet.vms;
  return [vm === undefined ? defaultVm(loaded) : findVm(loaded, vm)];
}
