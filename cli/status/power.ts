import type { FleetVm } from '../../model/fleet';
import type { VmObservation } from '../../provider/drivers/driver';
import type { Power } from './report';

/** The part of the drivers that changes nothing, for the VMs of a fleet. */
export interface PowerReader {
  /** Null when the hypervisor knows no such VM. */
  inspect(vm: FleetVm): Promise<Pick<VmObservation, 'power' | 'detail'> | null>;
  /** Where the serial console of a VM is logged. */
  consoleLog(vm: FleetVm): string;
}

/** The power state of a VM. That it could not be read is an answer, because a VM may well be usable all the same. */
export async function readPower(reader: PowerReader, vm: FleetVm): Promise<Power> {
  try {
    const observation = await reader.inspect(vm);
    return observation === null
      ? { state: 'missing', detail: '' }
      : { state: observation.power, detail: observation.detail ?? '' };
  } catch (error) {
    return { state: 'unknown', detail: error instanceof Error ? error.message : String(error) };
  }
}
