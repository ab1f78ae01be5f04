import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { DEFAULT_DEVELOPER_KEY } from '../../model/defaults';
import { FleetError } from '../../model/errors';
import { inTurn } from '../../files/in-turn';
import { publicKeyFingerprint } from './openssh-key';
import type { Run } from '../../process/run';
import type { CreatedPaths } from './created-paths';
import { ensureKeyPairs, inspectKeyPair, removeAbandonedKeys, removeKeyPair } from './key-pairs';

/** Context for the developers' keys of one fleet. */
export interface DeveloperKeyContext {
  readonly run: Run;
  readonly created: CreatedPaths;
  /** Name in the record of created files. */
  readonly holder: string;
  readonly signal: AbortSignal;
}

/**
 * Reads the public keys of all developers; the first file is made, with its private key, if it is absent.
 *
 * @param paths absolute paths of public key files
 * @throws FleetError `developer-key-missing`, `public-key-malformed`
 */
export async function ensureDeveloperKeys(context: DeveloperKeyContext, paths: readonly string[]): Promise<string[]> {
  const [first] = paths;
  if (first !== undefined) await ensureFirstKey(context, first);
  return paths.map(readPublicKey);
}

/** Public keys that can be read; null if one of the files is missing or holds no key. */
export function findDeveloperKeys(paths: readonly string[]): string[] | null {
  try {
    return paths.map(readPublicKey);
  } catch {
    return null;
  }
}

/** Removes the first key pair if buildfleet made it, it is unchanged, and no other fleet needs it. */
export async function releaseDeveloperKeys(context: DeveloperKeyContext, paths: readonly string[]): Promise<void> {
  const { created, holder, signal } = context;
  for (const publicPath of paths.slice(0, 1)) {
    const path = privateKeyPath(publicPath);
    await created.release(path, holder, signal, ({ digest }) => {
      removeAbandonedKeys(dirname(path));
      if (isAsMade(path, digest)) removeKeyPair(path);
    });
    await created.releaseDirectories(dirname(path), holder, signal);
  }
}

async function ensureFirstKey(
  { run, created, holder, signal }: DeveloperKeyContext,
  publicPath: string,
): Promise<void> {
  const path = privateKeyPath(publicPath);
  await inTurn(path, signal, async () => {
    const ours = created.find(path) !== undefined;
    if (existsSync(publicPath) && !ours) return;
    if (existsSync(path) && !ours) {
      throw new FleetError({
        code: 'developer-key-missing',
        problem: 'there is a private key but not its public half',
        place: publicPath,
        remedy: `run "ssh-keygen -y -f ${path} > ${publicPath}", or name another file in developers`,
        attribute: 'developers',
      });
    }
    await created.holdDirectories(dirname(path), holder, signal);
    await created.hold(path, holder, signal);
    const absent = !existsSync(path);
    const name = { file: basename(path), comment: 'buildfleet developer key' };
    const [key] = await ensureKeyPairs(run, dirname(path), [name], signal);
    // A key that replaced the generated one keeps the digest of that, and stays at destroy.
    if (absent || created.find(path)?.digest === undefined) await created.hold(path, holder, signal, key?.fingerprint);
  });
}

function isAsMade(path: string, digest: string | undefined): boolean {
  try {
    const key = inspectKeyPair(path);
    return key !== null && key.files !== 'incomplete' && (digest === undefined || key.fingerprint === digest);
  } catch {
    return false;
  }
}

function privateKeyPath(publicPath: string): string {
  if (!publicPath.endsWith('.pub')) {
    throw new FleetError({
      code: 'developer-key-name',
      problem: 'the name of a public key file ends with .pub',
      value: publicPath,
      remedy: `give the public half, such as ${DEFAULT_DEVELOPER_KEY}`,
      attribute: 'developers',
    });
  }
  return publicPath.slice(0, -'.pub'.length);
}

function readPublicKey(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new FleetError({
      code: 'developer-key-missing',
      problem: `this public key cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`,
      place: path,
      remedy: 'make the key pair with "ssh-keygen -t ed25519", or take the file out of developers',
      attribute: 'developers',
      cause,
    });
  }
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const [line = ''] = lines;
  try {
    if (lines.length > 1) throw new Error('more than one line');
    publicKeyFingerprint(line);
  } catch (cause) {
    throw new FleetError({
      code: 'public-key-malformed',
      problem: 'this file does not hold one OpenSSH public key',
      place: path,
      value: line.slice(0, 40),
      remedy: 'give a file with one line like "ssh-ed25519 AAAA… comment"; list further keys as further files',
      attribute: 'developers',
      cause,
    });
  }
  return line.trim();
}
