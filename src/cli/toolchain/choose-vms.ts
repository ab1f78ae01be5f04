import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { defaultVm, findVm, type LoadedFleet } from '../fleet-file';

/** The command line's choice of VMs. */
export interface VmChoice {
  /** `--vm` */
  readonly vm?: string;
  /** `--all` */
  readonly all?: boolean;
}

/**
 * The chosen VMs; the default VM without a choice.
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
