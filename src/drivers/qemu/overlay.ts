import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { chmod, copyFile, rename, rm } from 'node:fs/promises';
import { FleetError } from '../../model/errors';
import { CommandError, type Run } from '../../process/run';

const SAMPLES = 64;
const SAMPLE_BYTES = 4096;

/** Fingerprints of this process's lifetime by path, size, inode and time of change: 100 VMs share one image. */
const known = new Map<string, string>();

/**
 * Tells one image file from another by its size and samples of its content, in a millisecond rather than the seconds
 * that a digest takes. It guards disks against an image that was built again with other bytes, not against an attacker.
 *
 * @returns undefined when there is no such file.
 */
export function imageFingerprint(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size, ino, mtimeMs } = fstatSync(file);
    const key = `${path}\0${size}\0${ino}\0${mtimeMs}`;
    const fingerprint = known.get(key) ?? sample(file, size);
    known.set(key, fingerprint);
    return fingerprint;
  } finally {
    closeSync(file);
  }
}

function sample(file: number, size: number): string {
  const hash = createHash('sha256').update(`${size}\n`);
  const buffer = Buffer.alloc(SAMPLE_BYTES);
  for (let index = 0; index < SAMPLES; index++) {
    const length = readSync(file, buffer, 0, SAMPLE_BYTES, Math.floor((size / SAMPLES) * index));
    hash.update(buffer.subarray(0, length));
  }
  return hash.digest('hex').slice(0, 32);
}

/** @throws FleetError when the image is missing. */
export function requireImage(path: string): string {
  const fingerprint = imageFingerprint(path);
  if (fingerprint !== undefined) return fingerprint;
  throw new FleetError({
    code: 'image-missing',
    problem: 'the image of the VM is not there',
    value: path,
    remedy: 'deploy again: the image is then built anew',
    attribute: 'imagePath',
  });
}

/**
 * Makes a disk on top of an image, which it refers to and never changes. The disk appears complete or not at all.
 *
 * @throws FleetError when the image is damaged, CommandError with what qemu-img said.
 */
export async function createOverlay(run: Run, imagePath: string, diskPath: string, signal: AbortSignal): Promise<void> {
  const partial = `${diskPath}.partial`;
  await checkImage(run, imagePath, signal);
  try {
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', imagePath, partial], { signal });
    await rename(partial, diskPath);
  } finally {
    await rm(partial, { force: true });
  }
}

/** Makes a disk that goes on where the layer of a snapshot stands. It appears complete or not at all. */
export async function copyLayer(
  run: Run,
  layerPath: string,
  imagePath: string,
  diskPath: string,
  signal: AbortSignal,
): Promise<void> {
  const partial = `${diskPath}.partial`;
  try {
    await copyFile(layerPath, partial, constants.COPYFILE_FICLONE);
    await chmod(partial, 0o600);
    // The layer has the image's real path, which a link on the way may lead away from.
    await moveBackingFile(run, imagePath, partial, signal);
    await rename(partial, diskPath);
  } finally {
    await rm(partial, { force: true });
  }
}

/** Finds an image that was cut short or whose tables are torn, in milliseconds; other damage only a digest finds. */
async function checkImage(run: Run, imagePath: string, signal: AbortSignal): Promise<void> {
  try {
    // 3: clusters that nothing refers to, which do no harm.
    await run('qemu-img', ['check', '-q', '-f', 'qcow2', imagePath], { signal, acceptExitCodes: [0, 3] });
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode === undefined) throw error;
    throw new FleetError({
      code: 'image-damaged',
      problem: `the image of the VM is damaged: ${error.stderr.trim().split('\n')[0] ?? ''}`,
      value: imagePath,
      remedy: 'deploy again: an image whose content changed is built anew',
      attribute: 'imagePath',
      cause: error,
    });
  }
}

/** Changes the path of the image in the disk; the content must be the same. */
export async function moveBackingFile(
  run: Run,
  imagePath: string,
  diskPath: string,
  signal: AbortSignal,
): Promise<void> {
  await run('qemu-img', ['rebase', '-q', '-u', '-f', 'qcow2', '-F', 'qcow2', '-b', imagePath, diskPath], { signal });
}
