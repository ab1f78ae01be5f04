import { chmodSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { syncToDisk, writeFileAtomically } from '../../files/atomic';
import { makeDirectories } from '../../files/directories';
import { claimName, isAlive, parseClaim } from '../../files/claim-name';
import { readPrivateKey, type PublicKey } from './openssh-key';
import { FleetError, isFleetError } from '../../model/errors';
import type { Run } from '../../process/run';

/** One key pair in a directory: `file` and `file.pub`. */
export interface KeyPairName {
  readonly file: string;
  readonly comment: string;
}

/**
 * Makes the Ed25519 key pairs that are missing and leaves those that are there as they are. Keys are made in a
 * directory beside their place, 0700, and moved when they are complete: a kill leaves a key whole or not at all. A
 * directory that is not there yet appears with all of its keys at once.
 *
 * @returns the public halves, in the order asked for
 * @throws FleetError `key-unreadable` when a private key that is there cannot be read: it is never overwritten
 */
export async function ensureKeyPairs(
  run: Run,
  directory: string,
  names: readonly KeyPairName[],
  signal: AbortSignal,
): Promise<PublicKey[]> {
  makeDirectories(dirname(directory), 0o700);
  const nextTo = exists(directory) ? directory : dirname(directory);
  removeAbandonedKeys(nextTo);
  const missing = names.filter(({ file }) => !exists(join(directory, file)));
  if (missing.length > 0) {
    const staging = join(nextTo, `${STAGING}${claimName()}`);
    mkdirSync(staging, { mode: 0o700 });
    try {
      for (const { file, comment } of missing) {
        const path = join(staging, file);
        // Standard output shows the fingerprint at most; the key goes straight into the file.
        await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', path], { signal });
        for (const written of [path, `${path}.pub`]) syncToDisk(written);
      }
      syncToDisk(staging);
      moveKeys(staging, directory, missing);
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  }
  return names.map(({ file }) => {
    const path = join(directory, file);
    const key = readKeyFile(path);
    chmodSync(path, 0o600);
    if (readOrNull(`${path}.pub`) !== `${key.publicKey}\n`)
      writeFileAtomically(`${path}.pub`, `${key.publicKey}\n`, { mode: 0o644 });
    return key;
  });
}

/** What a private key file and its public half look like. */
export interface KeyPairObservation extends PublicKey {
  /** `exposed`: others may read the private key; `incomplete`: the public half is missing or another one. */
  readonly files: 'intact' | 'exposed' | 'incomplete';
}

/**
 * Looks at a key pair without changing it.
 *
 * @returns null if there is no private key
 * @throws FleetError `key-unreadable`
 */
export function inspectKeyPair(path: string): KeyPairObservation | null {
  if (!exists(path)) return null;
  const key = readKeyFile(path);
  if ((statSync(path).mode & 0o077) !== 0) return { ...key, files: 'exposed' };
  return { ...key, files: readOrNull(`${path}.pub`) === `${key.publicKey}\n` ? 'intact' : 'incomplete' };
}

/** Removes a key pair; succeeds when it is gone already. */
export function removeKeyPair(path: string): void {
  for (const file of [path, `${path}.pub`]) rmSync(file, { force: true });
}

/** Removes half made keys of processes that were killed. */
export function removeAbandonedKeys(directory: string): void {
  for (const name of exists(directory) ? readdirSync(directory) : []) {
    const owner = name.startsWith(STAGING) ? parseClaim(name.slice(STAGING.length)) : undefined;
    if (owner !== undefined && !isAlive(owner)) rmSync(join(directory, name), { recursive: true, force: true });
  }
}

const STAGING = '.new-keys-';

function moveKeys(staging: string, directory: string, names: readonly KeyPairName[]): void {
  if (!exists(directory)) {
    try {
      renameSync(staging, directory);
      syncToDisk(dirname(directory));
      return;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  for (const { file } of names) {
    try {
      // Unlike a rename, a link never replaces a key that another process has just put there.
      linkSync(join(staging, file), join(directory, file));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  syncToDisk(directory);
}

function readKeyFile(path: string): PublicKey {
  try {
    return readPrivateKey(readFileSync(path, 'utf8'));
  } catch (error) {
    if (!isFleetError(error)) throw error;
    throw new FleetError({ code: error.code, problem: error.problem, place: path, remedy: error.remedy });
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Comment of a key that belongs to a VM or a service of a fleet. */
export function keyComment(purpose: string, file: string): string {
  return `buildfleet ${purpose} ${basename(file)}`;
}
