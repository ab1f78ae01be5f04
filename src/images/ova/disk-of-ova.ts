import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FleetError } from '../../model/errors';
import { endingWithUs } from '../../process/ending-with-us';
import { percentReporter } from '../../process/progress';
import type { Run } from '../../process/run';

export interface DiskRequest {
  /** An appliance with one disk. */
  readonly ova: string;
  /** qcow2 that is written; its directory is used for the work. */
  readonly path: string;
  readonly run: Run;
  readonly signal: AbortSignal;
}

/**
 * Takes the disk out of an appliance.
 *
 * @throws FleetError if the file is no appliance with exactly one disk; CommandError with what qemu-img said
 */
export async function diskOfOva({ ova, path, run, signal }: DiskRequest): Promise<void> {
  const { stdout } = await run('tar', ['--list', '--file', ova], { signal });
  const disks = stdout.split('\n').filter((name) => name.toLowerCase().endsWith('.vmdk'));
  const [disk, ...others] = disks;
  if (disk === undefined || others.length > 0 || disk.includes('/') || disk.startsWith('-')) {
    throw new FleetError({
      code: 'ova-disks',
      problem: 'an appliance with exactly one disk was expected',
      place: ova,
      value: disks,
      remedy: 'build the image again, with the template that synth wrote',
    });
  }
  const work = join(dirname(path), 'unpacked');
  try {
    mkdirSync(work);
    await run('tar', ['--extract', '--file', ova, '--directory', work, '--', disk], { signal });
    const convert = ['convert', '-p', '-f', 'vmdk', '-O', 'qcow2', '-c', '-o', 'compression_type=zstd'];
    await run('setpriv', endingWithUs('qemu-img', ...convert, join(work, disk), path), {
      signal,
      onText: percentReporter(),
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
