import { mkdir, open, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetError } from '../model/errors';
import { CommandError, type Run } from '../process/run';

/** Content and place of a seed. */
export interface SeedIso {
  readonly userData: string;
  readonly metaData: string;
  /** The file to write; its directory exists and belongs to one machine. An existing file is replaced. */
  readonly path: string;
  readonly run: Run;
  readonly signal: AbortSignal;
}

/** Every date on the seed, so that the same content makes the same bytes. 1980 is the oldest that all readers take. */
const EPOCH = 315532800;

/**
 * Writes a NoCloud seed: an ISO 9660 file system labelled CIDATA, readable by its owner alone from the first byte on,
 * the same bytes for the same content. It appears at `path` complete or not at all. What an interrupted call leaves
 * behind lies beside `path` under fixed names and goes with the next call or with the machine's directory.
 *
 * @throws FleetError `seed-tool-missing`, `seed-failed`; CommandError when cancelled.
 */
export async function writeSeedIso({ userData, metaData, path, run, signal }: SeedIso): Promise<void> {
  const staging = `${path}.staging`;
  const partial = `${path}.partial`;
  try {
    await clear(staging, partial);
    await mkdir(staging, { mode: 0o700 });
    const files = [
      ['meta-data', metaData],
      ['user-data', userData],
    ] as const;
    for (const [name, text] of files) {
      await writeFile(join(staging, name), text, { mode: 0o600, flag: 'wx' });
      await utimes(join(staging, name), EPOCH, EPOCH);
    }
    await utimes(staging, EPOCH, EPOCH);
    await (await open(partial, 'wx', 0o600)).close();
    await run('xorriso', mkisofsArguments(partial, staging), {
      signal,
      env: { SOURCE_DATE_EPOCH: String(EPOCH), TZ: 'UTC' },
    });
    await sync(partial);
    await rename(partial, path);
  } catch (error) {
    throw explained(error, path);
  } finally {
    await clear(staging, partial);
  }
}

/** xorriso writes into the file that is there, and so keeps its mode. */
function mkisofsArguments(output: string, directory: string): string[] {
  return [
    '-no_rc',
    ...['-as', 'mkisofs', '-quiet', '-volid', 'CIDATA', '-joliet', '-rock', '-uid', '0', '-gid', '0'],
    ...['-output', output, directory],
  ];
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function clear(...paths: string[]): Promise<void> {
  for (const path of paths) await rm(path, { recursive: true, force: true });
}

function explained(error: unknown, path: string): unknown {
  if (error instanceof CommandError && error.cancelled) return error;
  if (error instanceof CommandError && error.code === 'ENOENT') {
    return new FleetError({
      code: 'seed-tool-missing',
      problem: 'the seed of the machine cannot be written because xorriso is not installed',
      place: path,
      remedy: 'install the package xorriso, for example with apt-get install xorriso',
      cause: error,
    });
  }
  return new FleetError({
    code: 'seed-failed',
    problem: `the seed of the machine could not be written: ${error instanceof Error ? error.message : String(error)}`,
    place: path,
    remedy: 'make room or correct the permissions of its directory, then deploy again',
    cause: error,
  });
}
