import {
  chownSync,
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Replaces a file in one step: readers and a kill see the old text or the new one. An owner other than this account is
 * kept, as far as the system permits.
 *
 * @param mode permissions of the file, independent of the umask
 * @throws the system's error; the old file is then as it was and nothing else is left
 */
export function writeFileAtomically(
  path: string,
  data: string | Uint8Array,
  { mode }: { readonly mode: number },
): void {
  const temporary = `${path}.${process.pid}.new`;
  try {
    const descriptor = openSync(temporary, 'w', mode);
    try {
      fchmodSync(descriptor, mode);
      const bytes = Buffer.from(data);
      for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    keepOwner(path, temporary);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncToDisk(dirname(path));
}

/**
 * Removes what {@link writeFileAtomically} left in this directory when its process was killed.
 *
 * @param file only of writes of this file; without it, of all files
 */
export function removeAbandonedWrites(directory: string, file?: string): void {
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    const [, written, pid] = /^(.+)\.(\d+)\.new$/.exec(name) ?? [];
    const wanted = written !== undefined && (file === undefined || written === file);
    if (wanted && !existsSync(`/proc/${pid ?? ''}`)) rmSync(join(directory, name), { force: true });
  }
}

/** Waits until a file's content, or a directory's entries, would survive a power cut. */
export function syncToDisk(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function keepOwner(path: string, temporary: string): void {
  const owner = statSync(path, { throwIfNoEntry: false });
  const ours = statSync(temporary);
  if (owner !== undefined && (owner.uid !== ours.uid || owner.gid !== ours.gid))
    chownSync(temporary, owner.uid, owner.gid);
}
