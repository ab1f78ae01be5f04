import { type FileHandle, open } from 'node:fs/promises';
import { FleetError } from '../../model/errors';
import { endingWithUs } from '../../process/ending-with-us';
import { percentReporter } from '../../process/progress';
import type { Run } from '../../process/run';

const SECTOR = 512;
/** Where the sparse header says how many sectors the guest sees, and where the descriptor lies. */
const HEADER = { capacity: 12, descriptorOffset: 28, descriptorSize: 36 } as const;

export interface VmdkRequest {
  /** qcow2 */
  readonly disk: string;
  /** A new file; its name becomes part of its content. */
  readonly path: string;
  /** Eight hexadecimal digits that stand for the content. */
  readonly contentId: string;
  readonly run: Run;
  readonly signal: AbortSignal;
}

/**
 * Converts a disk to a streamOptimized VMDK that is the same, byte by byte, for the same disk.
 *
 * @returns the size that the guest sees, in bytes
 * @throws CommandError with what qemu-img said
 */
export async function writeStreamOptimized({ disk, path, contentId, run, signal }: VmdkRequest): Promise<number> {
  const convert = ['convert', '-p', '-f', 'qcow2', '-O', 'vmdk', '-o', 'subformat=streamOptimized', disk, path];
  await run('setpriv', endingWithUs('qemu-img', ...convert), { signal, onText: percentReporter() });
  const file = await open(path, 'r+');
  try {
    const capacityBytes = await fixContentId(file, path, contentId);
    await endStream(file);
    return capacityBytes;
  } finally {
    await file.close();
  }
}

/** qemu-img gives every file a random one. */
async function fixContentId(file: FileHandle, path: string, contentId: string): Promise<number> {
  const header = await readAt(file, 0, SECTOR);
  const begin = Number(header.readBigUInt64LE(HEADER.descriptorOffset)) * SECTOR;
  const size = Number(header.readBigUInt64LE(HEADER.descriptorSize)) * SECTOR;
  const descriptor = await readAt(file, begin, size);
  const text = descriptor.toString('latin1').replace(/\0+$/, '');
  // qemu-img writes it without leading zeros.
  const fixed = text.replace(/\nCID=[0-9a-f]{1,8}\n/, `\nCID=${contentId}\n`);
  const isKnown = header.toString('latin1', 0, 4) === 'KDMV' && fixed.includes(`\nCID=${contentId}\n`);
  if (!isKnown || fixed.length > size) {
    throw new FleetError({
      code: 'vmdk-unknown',
      problem: 'qemu-img wrote a VMDK whose descriptor has no content id',
      place: path,
      remedy: 'use another version of qemu-img (apt-get install qemu-utils)',
    });
  }
  await file.write(fixed.padEnd(size, '\0'), begin, 'latin1');
  return Number(header.readBigUInt64LE(HEADER.capacity)) * SECTOR;
}

/**
 * Appends the end-of-stream marker, which is a sector of zeros. qemu-img writes none; VirtualBox fails with VERR_EOF
 * unless the last grain was compressed so well that zeros follow it anyway.
 */
async function endStream(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  await file.truncate(Math.ceil(size / SECTOR) * SECTOR + SECTOR);
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  await file.read(buffer, 0, length, position);
  return buffer;
}
