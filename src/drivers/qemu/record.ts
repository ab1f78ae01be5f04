import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../files/atomic';
import type { VmSpec } from '../driver';

const recordSchema = z.object({
  formatVersion: z.literal(1),
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
});

/** `vm.json`: what a VM's directory is for, written before anything else in it. */
export type VmRecord = z.infer<typeof recordSchema>;

export const RECORD_FILE = 'vm.json';

/** @returns undefined when there is none, or one that cannot be read: such a VM was never finished. */
export function readRecord(directory: string): VmRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(join(directory, RECORD_FILE), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Appears complete or not at all. */
export function writeRecord(directory: string, spec: VmSpec, imageFingerprint: string): void {
  const { name, uuid, fleet, imagePath, imageHash, cpus, memoryMib, mac } = spec;
  const record: VmRecord = {
    ...{ formatVersion: 1, name, uuid, fleet, imagePath, imageHash, imageFingerprint, cpus, memoryMib, mac },
  };
  writeFileAtomically(join(directory, RECORD_FILE), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
}
