import { z } from 'zod';
import type { VmSpec } from '../driver';
import { VmRecordFile } from '../vm-record';

const recordSchema = z.object({
  hypervisor: z.literal('virtualbox'),
  name: z.string(),
  uuid: z.string(),
  fleet: z.string(),
  imagePath: z.string(),
  imageHash: z.string(),
  /** VirtualBox's own UUID of the VM; null until it is imported, tagged and set up. */
  machine: z.string().nullable(),
});

export type VmRecord = z.infer<typeof recordSchema>;

const file = new VmRecordFile<VmRecord>('virtualbox', recordSchema);

/** Undefined when there is no VM, or one of another hypervisor. @throws FleetError `record-unreadable` */
export const readRecord = file.read.bind(file);

/** As {@link VmRecordFile.readOwn}. */
export const readOwnRecord = file.readOwn.bind(file);

/** Appears complete or not at all. */
export function writeRecord(directory: string, spec: VmSpec, machine: string | null): void {
  const { name, uuid, fleet, imagePath, imageHash } = spec;
  file.write(directory, { hypervisor: 'virtualbox', name, uuid, fleet, imagePath, imageHash, machine });
}
