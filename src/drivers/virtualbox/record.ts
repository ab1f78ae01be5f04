import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../files/atomic';
import type { VmSpec } from '../driver';

const recordSchema = z.object({
  formatVersion: z.literal(1),
  hypervisor: z.literal('virtualbox'),
  name: z.string(),
  uuid: z.string(),
  fleet: z.string(),
  imagePath: z.string(),
  imageHash: z.string(),
  /** VirtualBox's own UUID of the VM; null until it is imported, tagged and set up. */
  machine: z.string().nullable(),
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
export function writeRecord(directory: string, spec: VmSpec, machine: string | null): void {
  const { name, uuid, fleet, imagePath, imageHash } = spec;
  const record: VmRecord = {
    ...{ formatVersion: 1, hypervisor: 'virtualbox', name, uuid, fleet, imagePath, imageHash, machine },
  };
  writeFileAtomically(join(directory, RECORD_FILE), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
}
