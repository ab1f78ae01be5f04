import { closeSync, fchmodSync, ftruncateSync, openSync, writeSync } from 'node:fs';

export const SECTOR = 512;
/** The file system begins at 1 MiB; what lies before it belongs to the boot loader. */
export const PARTITION_START = 2048;

const LINUX = 0x83;
const ACTIVE = 0x80;
/** BIOS code ends here; disk id, partition table and signature follow. */
const CODE_END = 440;
/** Cylinder, head and sector of a partition beyond their reach. */
const NO_CHS = [0xfe, 0xff, 0xff];

export interface BootSectorParts {
  /** GRUB's `boot.img`. */
  readonly bootImage: Uint8Array;
  /** What `grub-mkimage` wrote. */
  readonly coreImage: Uint8Array;
  readonly diskMib: number;
  /** Number that names the disk, 32 bits. */
  readonly diskId: number;
}

/**
 * The first sectors of a disk with one Linux partition that a BIOS boots by GRUB.
 *
 * @throws Error when GRUB's core does not fit before the partition
 */
export function bootSectors({ bootImage, coreImage, diskMib, diskId }: BootSectorParts): Buffer {
  if (coreImage.length > (PARTITION_START - 1) * SECTOR)
    throw new Error(`GRUB's core image is too large: ${coreImage.length}`);
  const sectors = Buffer.alloc(SECTOR + Math.ceil(coreImage.length / SECTOR) * SECTOR);
  sectors.set(bootImage.subarray(0, CODE_END));
  // GRUB trusts the drive number that the BIOS passes once this jump is gone, as grub-bios-setup does for hard disks.
  sectors.set([0x90, 0x90], 0x66);
  sectors.writeUInt32LE(diskId, CODE_END);
  sectors.set([ACTIVE, ...NO_CHS, LINUX, ...NO_CHS], 446);
  sectors.writeUInt32LE(PARTITION_START, 454);
  sectors.writeUInt32LE(diskMib * ((1024 * 1024) / SECTOR) - PARTITION_START, 458);
  sectors.set([0x55, 0xaa], 510);
  sectors.set(coreImage, SECTOR);
  return sectors;
}

/** Makes a sparse file that all accounts may write: inside a user namespace, the builder has another one. */
export function createSparseFile(path: string, sizeMib: number): void {
  const descriptor = openSync(path, 'wx', 0o666);
  try {
    fchmodSync(descriptor, 0o666);
    ftruncateSync(descriptor, sizeMib * 1024 * 1024);
  } finally {
    closeSync(descriptor);
  }
}

/** Writes to the begin of a file and leaves the rest as it is. */
export function overwriteBegin(path: string, bytes: Uint8Array): void {
  const descriptor = openSync(path, 'r+');
  try {
    for (let written = 0; written < bytes.length;) {
      written += writeSync(descriptor, bytes, written, bytes.length - written, written);
    }
  } finally {
    closeSync(descriptor);
  }
}
