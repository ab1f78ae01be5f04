import { CDK_COMMAND } from '../../model/cdk-command';
import { DEFAULT_HYPERVISOR } from '../../model/hypervisor';
import { FleetError } from '../../model/errors';
import { FleetPaths } from '../../model/paths';
import { createDriver } from '../../drivers';
import { ImageCache } from '../../images/cache';
import { watchProgress } from '../../process/progress';
import type { Context } from '../context';
import type { FoundDefinition } from './definitions';
import type { ImageWarmReport } from './report';

export interface WarmOptions {
  readonly cpus: number;
  /** MiB */
  readonly memory: number;
}

/**
 * Makes the snapshot that new VMs of an image, with these CPUs and this memory, are resumed from.
 *
 * @throws FleetError `image-missing` when the cache does not have the image, `snapshot-failed`
 */
export async function warmImage(
  { run, signal, terminal }: Context,
  { definition, hash }: Pick<FoundDefinition, 'definition' | 'hash'>,
  cacheDirectory: string,
  { cpus, memory: memoryMib }: WarmOptions,
): Promise<ImageWarmReport> {
  const cached = await new ImageCache(cacheDirectory).inspect(hash, 'qcow2');
  if (cached.status !== 'present') {
    throw new FleetError({
      code: 'image-missing',
      problem: `the cache has no whole image of this definition (it is ${cached.status})`,
      place: cacheDirectory,
      value: `${definition.name} (${hash.slice(0, 12)})`,
      remedy: `run \`${CDK_COMMAND} deploy\`, which builds it`,
    });
  }
  const driver = createDriver(DEFAULT_HYPERVISOR, { paths: new FleetPaths(cacheDirectory), cacheDirectory, run });
  const progress = {
    step: (text: string) => {
      terminal.message(text);
    },
    amount: () => undefined,
  };
  const subject = { imagePath: cached.diskPath, imageHash: hash, cpus, memoryMib };
  const outcome = await watchProgress(progress, () => driver.warmStart?.prepare(subject, signal));
  return { formatVersion: 1, image: definition.name, hash, cpus, memoryMib, outcome: outcome ?? 'present' };
}
