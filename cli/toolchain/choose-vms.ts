import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { findVm, type LoadedFleet } from '../fleet-file';

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
  const chosen = all
    ? loaded.fleet.vms
    : loaded.fleet.vms.filter((candidate) => (vm === undefined ? candidate.default : candidate === findVm(loaded, vm)));
  if (chosen.length > 0) return chosen;
  throw new FleetError({
    code: 'vm-unknown',
    problem: `fleet ${loaded.fleet.fleet} has no ${all ? 'VM' : 'default VM'}`,
    place: loaded.file,
    remedy: 'declare one in main.ts and run `make deploy`',
  });
}
