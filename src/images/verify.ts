import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { claimName } from '../files/claim-name';
import { FleetError } from '../model/errors';
import type { DebianImageDefinition } from '../model/image-definition';
import type { Run } from '../process/run';
import type { BuildProgress, BuiltDisk } from './builder';
import { BUILDING, downloadDirectoryOf, sha256OfFile } from './cache';
import { buildDebianImage } from './debian-image';
import { removeStage } from './stage';
import { type DiskDifference, findDifference } from './verify-difference';

/** A disk with the versions of everything that was installed on it. */
export type ReferenceDisk = Pick<BuiltDisk, 'path' | 'packages'>;

export interface VerifyRequest {
  readonly definition: DebianImageDefinition;
  /** Holds the assets under the paths of the definition. */
  readonly assetsDirectory: string;
  /** What was built before; null when there is nothing. */
  readonly reference: ReferenceDisk | null;
  /** The image cache, on whose file system the disks are built; what a kill leaves there is a leftover of a builder. */
  readonly cacheDirectory: string;
  readonly run: Run;
  readonly signal: AbortSignal;
  readonly progress: BuildProgress;
}

export interface Verification {
  /** Null when both disks are the same file, bit by bit. */
  readonly difference: DiskDifference | null;
  /** `cache`: compared with the reference; `new-builds`: two builds of now with each other. */
  readonly comparedWith: 'cache' | 'new-builds';
  /** Packages that are now in the archive in another version than in the reference. */
  readonly changedPackages: readonly string[];
}

/**
 * Builds an image again and compares. The reference is good for that as long as the archive gives the same packages;
 * otherwise two new disks are compared.
 *
 * @throws FleetError that says what to do; CommandError when the signal fired
 */
export async function verifyImage(request: VerifyRequest): Promise<Verification> {
  const { reference, cacheDirectory, run } = request;
  const work = join(cacheDirectory, 'images', BUILDING + claimName());
  mkdirSync(work, { recursive: true });
  chmodSync(work, 0o755);
  try {
    const second = await buildInto(join(work, 'second'), request);
    const changedPackages = reference === null ? [] : changes(reference.packages, second.packages);
    if (reference !== null && changedPackages.length === 0) {
      return { ...(await compare(reference, second, work, request)), comparedWith: 'cache', changedPackages };
    }
    const third = await buildInto(join(work, 'third'), request);
    requireSameArchive(second, third, request);
    return { ...(await compare(second, third, work, request)), comparedWith: 'new-builds', changedPackages };
  } finally {
    for (const name of ['second', 'third']) await removeStage(join(work, name), run);
    rmSync(work, { recursive: true, force: true });
  }
}

async function buildInto(workDirectory: string, request: VerifyRequest): Promise<BuiltDisk> {
  const { definition, assetsDirectory, run, signal, progress } = request;
  const downloadDirectory = downloadDirectoryOf(request.cacheDirectory);
  mkdirSync(workDirectory);
  chmodSync(workDirectory, 0o755);
  return buildDebianImage({ definition, assetsDirectory, workDirectory, downloadDirectory, run, signal, progress });
}

async function compare(
  first: ReferenceDisk,
  second: ReferenceDisk,
  work: string,
  { run, signal, progress }: VerifyRequest,
): Promise<Pick<Verification, 'difference'>> {
  progress('comparing the disks');
  const [one, other] = [await sha256OfFile(first.path), await sha256OfFile(second.path)];
  if (one === other) return { difference: null };
  progress('looking for the first file that differs');
  const disks = [first.path, second.path] as const;
  return { difference: await findDifference({ disks, workDirectory: work, run, signal }) };
}

function requireSameArchive(second: BuiltDisk, third: BuiltDisk, { definition }: VerifyRequest): void {
  const changed = changes(second.packages, third.packages);
  if (changed.length === 0) return;
  throw new FleetError({
    code: 'mirror-moved',
    problem: `the mirror changed between two builds: ${changed.join(', ')}`,
    place: `image ${definition.name}`,
    remedy: 'verify again',
  });
}

/** Names of what is not in both in the same version, sorted. */
function changes(one: BuiltDisk['packages'], other: BuiltDisk['packages']): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => one[name] !== other[name]).sort();
}
