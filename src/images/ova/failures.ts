import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { FleetError, isFleetError } from '../../model/errors';
import { lastLine } from '../../process/output';
import { CommandError } from '../../process/run';

interface OvaPlace {
  readonly disk: string;
  readonly path: string;
}

/** With less than this a disk is as good as full: a VMDK grows by 64 KiB at a time. */
const FULL_BYTES = 2 ** 20;

/**
 * Turns the failure of a writer into an error that says what to do, while what it wrote is still there. A FleetError
 * stays as it is.
 */
export function explainOvaFailure(cause: unknown, { disk, path }: OvaPlace): unknown {
  if (isFleetError(cause)) return cause;
  const { code } = Object(cause) as NodeJS.ErrnoException;
  const output = cause instanceof CommandError ? cause.stderr : '';
  if (code === 'ENOSPC' || code === 'EDQUOT' || isDiskFull(output, path)) {
    return new FleetError({
      code: 'disk-full',
      problem: 'the disk is full, and writing an OVA takes twice its size',
      place: path,
      remedy: 'free some space there, then deploy again',
      cause,
    });
  }
  if (!(cause instanceof CommandError)) return cause;
  if (code === 'ENOENT') {
    return new FleetError({
      code: 'program-missing',
      problem: 'setpriv is not installed',
      place: path,
      remedy: 'apt-get install util-linux',
      cause,
    });
  }
  // setpriv answers as a shell does
  if (cause.exitCode === 127) {
    return new FleetError({
      code: 'program-missing',
      problem: 'qemu-img is not installed',
      place: path,
      remedy: 'apt-get install qemu-utils',
      cause,
    });
  }
  return new FleetError({
    code: 'ova-disk',
    problem: `the image's disk cannot be converted: ${lastLine(output)}`,
    place: disk,
    remedy: 'deploy again: an image whose disk is missing or damaged is built anew',
    cause,
  });
}

/** qemu-img says `Invalid argument` when a VMDK meets a full disk. */
function isDiskFull(output: string, path: string): boolean {
  if (/No space left on device|Disk quota exceeded/.test(output)) return true;
  if (!output.includes('error while writing')) return false;
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize < FULL_BYTES;
}
