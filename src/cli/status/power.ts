import type { FleetVm } from '../../model/fleet';
import type { VmObservation } from '../../drivers/driver';
import type { VmImage } from './image';
import type { Power } from './report';

/** The part of the drivers that changes nothing, for the VMs of a fleet. */
export interface PowerReader {
  /** Null when the hypervisor knows no such VM. */
  inspect(vm: FleetVm): Promise<Pick<VmObservation, 'power' | 'detail' | 'imageHash' | 'imagePath'> | null>;
  /** Where the serial console of a VM is logged. */
  consoleLog(vm: FleetVm): string;
}

/**
 * Power state and image of a VM. That they could not be read is an answer, because a VM may well be usable all the
 * same.
 */
export async function readPower(
  reader: PowerReader,
  vm: FleetVm,
): Promise<{ readonly power: Power; readonly image: VmImage | null }> {
  try {
    const observation = await reader.inspect(vm);
    return observation === null
      ? { power: { state: 'missing', detail: '' }, image: null }
      : { power: { state: observation.power, detail: observation.detail ?? '' }, image: observation };
  } catch (error) {
    return {
      power: { state: 'unknown', detail: error instanceof Error ? error.message : String(error) },
      image: null,
    };
  }
}
