import { z } from 'zod';
import { VmRecordFile } from '../vm-record';

const recordSchema = z.object({
  hypervisor: z.literal('qemu'),
  name: z.string(),
  uuid: z.string(),
  fleet: z.string(),
  imagePath: z.string(),
  imageHash: z.string(),
  /** Tells whether the image is still the one that the disk was made on. */
  imageFingerprint: z.string(),
  cpus: z.number(),
  memoryMib: z.number(),
  mac: z.string(),
  /**
   * The disk was made for a snapshot, which the VM is resumed from at its first start. While it is, and after it was cut
   * off, `resuming`: whether it has its identity is not known, and its next start is a cold one.
   */
  snapshot: z.enum(['unused', 'resuming']).optional(),
});

export type VmRecord = z.infer<typeof recordSchema>;

export const RECORD_FILE = 'vm.json';

const file = new VmRecordFile<VmRecord>('qemu', recordSchema);

/** Undefined when there is no VM, or one of another hypervisor. @throws FleetError `record-unreadable` */
export const readRecord = file.read.bind(file);

/** As {@link VmRecordFile.readOwn}. */
export const readOwnRecord = file.readOwn.bind(file);

/** Appears complete or not at all. */
export function writeRecord(
  directory: string,
  spec: Omit<VmRecord, 'hypervisor' | 'imageFingerprint' | 'snapshot'>,
  imageFingerprint: string,
  snapshot?: VmRecord['snapshot'],
): void {
  const { name, uuid, fleet, imagePath, imageHash, cpus, memoryMib, mac } = spec;
  const image = { imagePath, imageHash, imageFingerprint };
  const start = snapshot === undefined ? {} : { snapshot };
  file.write(directory, { hypervisor: 'qemu', name, uuid, fleet, ...image, cpus, memoryMib, mac, ...start });
}
