import { join } from 'node:path';
import type { Hypervisor } from '../../model/hypervisor';
import type { Machine } from './machine';
import type { Subject } from './subject';

/** Whether every image of a deployed fleet is in the cache, so that a deploy builds none. */
export function existingImages({ isDirectory }: Pick<Machine, 'isDirectory'>, subject: Subject): boolean {
  const { images, cacheDirectory } = subject;
  return images !== null && images.every((hash) => isDirectory(join(cacheDirectory, 'images', hash)));
}

/** Whether a host runs VMs with it, or an image that has to be built is installed with it. */
export function needsHypervisor(
  machine: Pick<Machine, 'isDirectory'>,
  subject: Subject,
  hypervisor: Hypervisor,
): boolean {
  const { hypervisors, buildHypervisors } = subject;
  return hypervisors.has(hypervisor) || (buildHypervisors.has(hypervisor) && !existingImages(machine, subject));
}
