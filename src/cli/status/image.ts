import { statSync } from 'node:fs';
import type { Fleet, FleetVm } from '../../model/fleet';
import type { VmObservation } from '../../drivers/driver';
import type { Image } from './report';

const MS_PER_DAY = 86_400_000;

/** Image that the disk of a VM was made from, by its hypervisor's records. */
export type VmImage = Pick<VmObservation, 'imageHash' | 'imagePath'>;

/** Compares the image of a VM with the one that the fleet describes. */
export function imageOf(fleet: Fleet, vm: FleetVm, found: VmImage | null, now: Date): Image {
  const definitionHash = fleet.images.find(({ id }) => id === vm.image)?.definitionHash ?? '';
  const hash = found?.imageHash ?? null;
  const built = hash === null || found === null ? undefined : builtAt(found.imagePath);
  return {
    id: vm.image,
    state: hash === null ? 'unknown' : hash === definitionHash ? 'current' : 'outdated',
    definitionHash,
    hash,
    ageDays: built === undefined ? null : Math.max(0, Math.floor((now.getTime() - built.getTime()) / MS_PER_DAY)),
  };
}

/** An image is never written again once it is built, so its file says when that was. Undefined when it is gone. */
function builtAt(imagePath: string): Date | undefined {
  try {
    return statSync(imagePath).mtime;
  } catch {
    return undefined;
  }
}
