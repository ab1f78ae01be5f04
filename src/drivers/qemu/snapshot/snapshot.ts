import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { RecordFile } from '../../../files/record';
import type { Accelerator } from '../accelerator';
import { qemuArguments, type QemuMachine } from '../arguments';
import { imageFingerprint } from '../overlay';

/** Files of a snapshot in its directory. */
export const SNAPSHOT_FILES = { memory: 'ram.bin', state: 'state.bin', disk: 'disk.qcow2' } as const;

/** Begin of the name of a snapshot's directory, which lies beside its image and goes with it. */
export const SNAPSHOT_PREFIX = 'warm-';

/** What a snapshot is of: a VM that differs in any of it cannot be resumed from it. */
export interface SnapshotSubject {
  readonly imagePath: string;
  readonly imageHash: string;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly accelerator: Accelerator;
  /** First line of `qemu-system-x86_64 --version`. */
  readonly qemuVersion: string;
}

/** A saved machine that has booted and waits for an identity. */
export interface Snapshot {
  readonly directory: string;
  readonly memoryPath: string;
  readonly statePath: string;
  readonly diskPath: string;
}

const fileSchema = z.object({ size: z.number(), fingerprint: z.string() });

/** Written last: a directory without it is no snapshot. */
const record = new RecordFile({
  file: 'snapshot.json',
  shape: z.object({
    subject: z.record(z.string(), z.unknown()),
    memory: fileSchema,
    state: fileSchema,
    disk: fileSchema,
  }),
});

/** Whether there may be snapshots of an image: most have none, and nothing else is looked at then. */
export function hasSnapshots(imagePath: string): boolean {
  return readdirSync(dirname(imagePath)).some((name) => name.startsWith(SNAPSHOT_PREFIX));
}

/** The arguments of a template; equal but for the paths for all templates of one subject. */
export function templateMachine(subject: SnapshotSubject, directory: string): QemuMachine {
  const { cpus, memoryMib, accelerator } = subject;
  return {
    name: 'template',
    uuid: '00000000-0000-4000-8000-000000000000',
    fleet: 'template',
    diskPath: join(directory, SNAPSHOT_FILES.disk),
    seedPath: undefined,
    ...{ cpus, memoryMib, accelerator, mac: '52:54:00:00:00:01', userNetwork: 'open' },
    snapshot: { role: 'template', memoryPath: join(directory, SNAPSHOT_FILES.memory) },
  };
}

/** Directory of the snapshot of a subject, whether it exists or not. */
export function snapshotDirectory(subject: SnapshotSubject): string {
  return join(dirname(subject.imagePath), `${SNAPSHOT_PREFIX}${digest(identityOf(subject)).slice(0, 24)}`);
}

/** QEMU takes a machine with other devices without a word, so everything that it is made of counts. */
function identityOf(subject: SnapshotSubject): Record<string, unknown> {
  const { imagePath, imageHash, accelerator, qemuVersion } = subject;
  return {
    ...{ imagePath, imageHash, imageFingerprint: imageFingerprint(imagePath), qemuVersion, accelerator },
    // With KVM the guest has seen the processor of this machine.
    processor: accelerator === 'kvm' ? processor() : null,
    arguments: qemuArguments(templateMachine(subject, '/')),
  };
}

function processor(): string {
  return digest(
    /^(vendor_id|model name|flags|microcode)\s*:.*$/gm[Symbol.match](readFileSync('/proc/cpuinfo', 'utf8')),
  );
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/**
 * The snapshot of a subject. Its large file is known by samples, in a millisecond.
 *
 * @returns why there is none: it was never made, or is damaged
 */
export function findSnapshot(subject: SnapshotSubject): Snapshot | { readonly missing: string } {
  const directory = snapshotDirectory(subject);
  if (!existsSync(directory)) return { missing: 'there is no snapshot' };
  const reading = record.read(directory);
  if (reading.status !== 'value') return { missing: `its record is ${reading.status}` };
  for (const kind of ['memory', 'state', 'disk'] as const) {
    const path = join(directory, SNAPSHOT_FILES[kind]);
    if (fingerprintOf(path) !== reading.value[kind].fingerprint) return { missing: `${path} is damaged` };
  }
  return snapshotIn(directory);
}

export function snapshotIn(directory: string): Snapshot {
  return {
    directory,
    memoryPath: join(directory, SNAPSHOT_FILES.memory),
    statePath: join(directory, SNAPSHOT_FILES.state),
    diskPath: join(directory, SNAPSHOT_FILES.disk),
  };
}

/** Finishes a snapshot in the directory where it was made. */
export function writeSnapshotRecord(directory: string, subject: SnapshotSubject): void {
  const file = (name: string) => {
    const path = join(directory, name);
    return { size: statSync(path).size, fingerprint: fingerprintOf(path) ?? '' };
  };
  record.write(directory, {
    subject: identityOf(subject),
    memory: file(SNAPSHOT_FILES.memory),
    state: file(SNAPSHOT_FILES.state),
    disk: file(SNAPSHOT_FILES.disk),
  });
}

/** Small files by all of their content. */
function fingerprintOf(path: string): string | undefined {
  const name = path.slice(dirname(path).length + 1);
  if (name === SNAPSHOT_FILES.memory || !existsSync(path)) return imageFingerprint(path);
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
