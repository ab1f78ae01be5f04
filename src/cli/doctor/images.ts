import { join } from 'node:path';
import type { Machine } from './machine';
import type { Subject } from './subject';

/** Whether every image of a deployed fleet is in the cache, so that a deploy builds none. */
export function existingImages({ isDirectory }: Pick<Machine, 'isDirectory'>, subject: Subject): boolean {
  const { images, cacheDirectory } = subject;
  return images !== null && images.every((hash) => isDirectory(join(cacheDirectory, 'images', hash)));
}
