import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { FleetError } from '../../model/errors';
import type { FleetPaths } from '../../model/paths';
import type { Run } from '../../process/run';
import type { DiskOrigin } from '../driver';
import { readRecord } from './record';

/** `HypervisorDriver.diskOrigins`: what the records of VMs say, and what their disks lie on. */
export async function diskOrigins({ vms }: FleetPaths, run: Run, signal: AbortSignal): Promise<DiskOrigin[]> {
  const origins: DiskOrigin[] = [];
  for (const vm of filesIn(vms)) {
    const directory = join(vms, vm);
    const record = readRecord(directory);
    const name = record === undefined ? directory : `${record.name} of ${record.fleet}`;
    const told = record === undefined ? [] : [record.imagePath, record.imageHash];
    origins.push({ vm: name, images: [...told, ...(await backingFiles(directory, run, signal))] });
  }
  return origins;
}

const infoSchema = z.object({ 'full-backing-filename': z.string().optional() });

/** What the disks in a VM's directory lie on. */
async function backingFiles(directory: string, run: Run, signal: AbortSignal): Promise<string[]> {
  const found: string[] = [];
  for (const name of filesIn(directory).filter((file) => file.endsWith('.qcow2'))) {
    const disk = join(directory, name);
    try {
      // --force-share: it may be running
      const { stdout } = await run('qemu-img', ['info', '--force-share', '--output=json', disk], { signal });
      found.push(infoSchema.parse(JSON.parse(stdout))['full-backing-filename'] ?? '');
    } catch (cause) {
      if (signal.aborted) throw cause;
      throw new FleetError({
        code: 'disk-unreadable',
        problem: 'the image that this disk lies on cannot be found out',
        place: disk,
        remedy: 'see what `qemu-img info` says of it, or remove it if no VM needs it',
        cause,
      });
    }
  }
  return found;
}

/** Nothing for what ended in between, and for what is no directory. */
function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
