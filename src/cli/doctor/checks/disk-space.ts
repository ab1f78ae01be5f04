import { dirname } from 'node:path';
import { existingImages } from '../images';
import { ok, type Observation, problem, warning } from '../../../model/finding';
import { mebibytesText } from '../../../model/units';
import type { Machine } from '../machine';
import type { Subject } from '../subject';

/** MiB that one image build takes in the cache, its other files included. */
const BUILD = 5 * 1024;
/** MiB that disks of VMs soon take; below it, a VM is halted in the middle of a compilation. */
const DISKS = 5 * 1024;
/** MiB without which not even the files of a VM can be made. */
const FILES = 256;

export function checkCacheDirectory(machine: Machine, subject: Subject): Observation[] {
  const isBuildComing = !existingImages(machine, subject);
  return checkDirectory(machine, subject.cacheDirectory, (free) => {
    if (free >= BUILD || !isBuildComing) return null;
    return problem(
      `${mebibytesText(free)} are free, and building an image takes up to ${mebibytesText(BUILD)}`,
      'free some space there',
    );
  });
}

export function checkStateDirectory(machine: Machine, { paths }: Subject): Observation[] {
  return checkDirectory(machine, paths.stateDirectory, (free) => {
    if (free < FILES)
      return problem(`${mebibytesText(free)} are free for the disks of the VMs`, 'free some space there');
    if (free < DISKS)
      return warning(
        `${mebibytesText(free)} are free for the disks of the VMs, which grow as they build`,
        'free some space there: a VM whose disk cannot grow is halted',
      );
    return null;
  });
}

function checkDirectory(
  machine: Machine,
  directory: string,
  judge: (freeMebibytes: number) => Observation | null,
): Observation[] {
  const existing = nearestExisting(machine, directory);
  const access = machine.access(existing);
  if (access !== 'usable') {
    return [
      access === 'read-only'
        ? problem(`${existing} is on a read-only file system`, 'mount it writable')
        : problem(`${machine.user.name} may not write to ${existing}`, `make it writable for ${machine.user.name}`),
    ];
  }
  const free = machine.freeMebibytes(existing);
  const judged = judge(free);
  return [
    judged === null
      ? ok(`${directory}, ${mebibytesText(free)} free`)
      : { ...judged, found: `${directory}: ${judged.found}` },
  ];
}

function nearestExisting(machine: Machine, path: string): string {
  return machine.access(path) !== 'missing' || path === dirname(path) ? path : nearestExisting(machine, dirname(path));
}
