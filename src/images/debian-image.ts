import { existsSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FleetError } from '../model/errors';
import {
  asDebian,
  definitionHash,
  ghcVersionsOf,
  type ImageDefinition,
  sourceDateEpoch,
} from '../model/image-definition';
import { mebibytesText } from '../model/units';
import { endingWithUs } from '../process/ending-with-us';
import { percentReporter } from '../process/progress';
import { bootSectors, createSparseFile, overwriteBegin } from './boot-sector';
import { explainBuildFailure } from './build-failures';
import type { BuiltDisk, ImageBuildRequest } from './builder';
import { ghcupVariables, keepDownloads, lendDownloads } from './ghcup-downloads';
import { stageAssets } from './staged-assets';
import { mirrorLines } from './mirror';
import { closeOut, makeStage, removeStage, type Stage, STAGE_MIB } from './stage';

/** The workstation's keyring of Debian's archive. Every installed package is verified against it. */
export const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Space for the compressed disk. */
const WORK_MIB = 1024;
/** What a compiler of GHCup's takes besides: its archive, what was unpacked from it, and twice what was installed. */
const GHCUP_STAGE_MIB = 6144;
const GHCUP_WORK_MIB = 1024;
/** Free bytes below which the file system counts as full. */
const LEAST_BYTES = 1024 * 1024;
const WATCH_INTERVAL = 2000;
/** A slower mirror counts as unreachable. */
const BUILD_LIMIT = '2h';
/** What make-filesystem.sh says when the disk has its file system. */
const WRITTEN = 'file system written';

/**
 * Builds a Debian disk that boots by itself. Needs no root where user namespaces work, no loop device, no mount of the
 * disk, no VM. Leaves nothing outside the work directory, also when it fails.
 *
 * @throws FleetError that says what to do; CommandError when the signal fired
 */
export async function buildDebianImage(request: ImageBuildRequest): Promise<BuiltDisk> {
  const { definition, workDirectory, run, signal } = request;
  if (!existsSync(DEBIAN_KEYRING)) {
    throw new FleetError({
      code: 'debian-keyring-missing',
      problem: `the keyring ${DEBIAN_KEYRING} is missing, and without it no package can be verified`,
      place: `image ${definition.name}`,
      remedy: 'apt-get install debian-archive-keyring',
    });
  }
  const byGhcup = definition.toolchain.kind === 'ghcup';
  const compilers = byGhcup ? ghcVersionsOf(definition).length : 0;
  const stageMib = STAGE_MIB + compilers * GHCUP_STAGE_MIB;
  requireSpace(workDirectory, WORK_MIB + compilers * GHCUP_WORK_MIB, dirname(workDirectory));
  const stage = makeStage(workDirectory, stageMib);
  try {
    requireSpace(stage.directory, stageMib, dirname(stage.directory));
    const tools = await toolVersions(request);
    stageAssets(definition, request.assetsDirectory, stage.directory);
    if (byGhcup) lendDownloads(request.downloadDirectory, stage);
    createSparseFile(join(stage.out, 'disk.raw'), definition.diskMib);
    const path = await makeDisk(request, stage);
    if (byGhcup) keepDownloads(request.downloadDirectory, stage);
    const [packages, releases] = [readPairs(join(stage.out, 'packages')), readPairs(join(stage.out, 'releases'))];
    return { path, packages, releases, tools };
  } catch (cause) {
    throw signal.aborted ? cause : explainBuildFailure(cause, { definition, stage: stage.directory, workDirectory });
  } finally {
    await removeStage(workDirectory, run);
  }
}

async function toolVersions({ run, signal }: ImageBuildRequest): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const tool of ['mmdebstrap', 'qemu-img']) {
    const { stdout } = await run(tool, ['--version'], { signal });
    versions[tool] = stdout.split('\n')[0] ?? '';
  }
  return versions;
}

/** Installs the system, and compresses the disk as soon as it is written, while mmdebstrap tidies up. */
async function makeDisk(request: ImageBuildRequest, stage: Stage): Promise<string> {
  let disk: Promise<string> | undefined;
  const compress = (): Promise<string> => {
    closeOut(stage);
    return writeDisk(request, stage);
  };
  const installed = installSystem(request, stage, () => {
    disk = compress();
  });
  // Neither may still work in the stage when this returns.
  await Promise.allSettled([installed]);
  await Promise.allSettled([disk]);
  await installed;
  return disk ?? compress();
}

/** Installs the packages and runs the hooks, the last of which writes the file system. */
async function installSystem(request: ImageBuildRequest, stage: Stage, onWritten: () => void): Promise<void> {
  const { definition, run, signal, progress } = request;
  // Files newer than this one were made by this build.
  writeFileSync(join(stage.directory, 'started'), '');
  progress('installing packages');
  await unlessFull(stage.directory, signal, (limited) =>
    run('setpriv', endingWithUs('timeout', '--kill-after=4', BUILD_LIMIT, ...bootstrapCommand(definition, stage)), {
      signal: limited,
      env: buildEnvironment(definition, stage),
      onLine: (line) => {
        const [, ours] = /^buildfleet: (.*)/.exec(line) ?? [];
        const [, theirs] = /^I: (.*)/.exec(line) ?? [];
        if (ours === WRITTEN) onWritten();
        else if (ours !== undefined) progress(ours);
        else if (theirs !== undefined) progress('installing packages', theirs);
      },
    }),
  );
}

/**
 * Ends the work when its file system is full: apt can then wait for ever instead of failing.
 *
 * @throws Error that says so, or what the work throws
 */
async function unlessFull(
  directory: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const full = new AbortController();
  const watch = setInterval(() => {
    if (freeBytes(directory) < LEAST_BYTES) full.abort();
  }, WATCH_INTERVAL);
  try {
    await work(AbortSignal.any([signal, full.signal]));
  } catch (cause) {
    if (!full.signal.aborted || signal.aborted) throw cause;
    throw new Error('No space left on device', { cause });
  } finally {
    clearInterval(watch);
  }
}

function bootstrapCommand(definition: ImageDefinition, stage: Stage): string[] {
  const { base, packages } = asDebian(definition);
  const hook = (name: string) => join(stage.directory, 'assets/debian/hooks', name);
  return [
    'mmdebstrap',
    `--mode=${process.getuid?.() === 0 ? 'root' : 'unshare'}`,
    '--variant=minbase',
    // The last hook writes the result; nothing is packed.
    '--format=null',
    '--skip=cleanup/apt,cleanup/mmdebstrap,cleanup/reproducible',
    `--architectures=${base.architecture}`,
    `--keyring=${DEBIAN_KEYRING}`,
    `--include=${packages.join(',')}`,
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=Acquire::Retries "3"',
    ...(base.snapshot === null ? [] : ['--aptopt=Acquire::Check-Valid-Until "false"']),
    // An interrupted build is begun anew, so its files need not survive a power cut.
    '--dpkgopt=force-unsafe-io',
    `--setup-hook=${hook('setup.sh')}`,
    `--customize-hook=${hook('customize.sh')}`,
    `--customize-hook=${hook('make-filesystem.sh')}`,
    base.suite,
    '-',
    ...mirrorLines(definition),
  ];
}

function buildEnvironment(definition: ImageDefinition, stage: Stage): Record<string, string> {
  const hash = definitionHash(definition);
  const { toolchain } = definition;
  const further = toolchain.kind === 'ghcup' ? ghcupVariables(toolchain) : {};
  return {
    TMPDIR: stage.temporary,
    TZ: 'UTC',
    BUILDFLEET_STAGE: stage.directory,
    BUILDFLEET_OUT: stage.out,
    BUILDFLEET_ROOT_UUID: rootUuid(hash),
    BUILDFLEET_DISK_MIB: String(definition.diskMib),
    // Under its usual name it would make Python compare a package's source with its cache at every import.
    BUILDFLEET_SOURCE_DATE_EPOCH: String(sourceDateEpoch(hash)),
    TOOLCHAIN: toolchain.kind,
    GHC_PRIMARY_VERSION: toolchain.ghc,
    CABAL_VERSION: toolchain.cabal,
    BUILDFLEET_SCRIPT_VARIABLES: Object.keys(further).join(' '),
    ...further,
    BUILD_TIMEZONE: definition.timezone,
    BUILD_LOCALE: definition.locale,
    BUILD_KEYBOARD: definition.keyboard,
  };
}

async function writeDisk(request: ImageBuildRequest, { out }: Stage): Promise<string> {
  const { definition, run, signal, progress, workDirectory } = request;
  const raw = join(out, 'disk.raw');
  const disk = join(workDirectory, 'disk.qcow2');
  const sectors = bootSectors({
    bootImage: readFileSync(join(out, 'boot.img')),
    coreImage: readFileSync(join(out, 'core.img')),
    diskMib: definition.diskMib,
    diskId: Number.parseInt(definitionHash(definition).slice(0, 8), 16),
  });
  overwriteBegin(raw, sectors);
  progress('compressing the disk');
  // zstd takes as long as writing three times as much, and guests boot from it as fast.
  const convert = ['convert', '-p', '-f', 'raw', '-O', 'qcow2', '-c', '-o', 'compression_type=zstd', raw, disk];
  await run('setpriv', endingWithUs('qemu-img', ...convert), { signal, onText: percentReporter() });
  return disk;
}

/** UUID of the root file system, which follows from the definition. */
function rootUuid(hash: string): string {
  const variant = ((Number.parseInt(hash.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  const groups = [hash.slice(0, 8), hash.slice(8, 12), `4${hash.slice(13, 16)}`, variant + hash.slice(17, 20)];
  return [...groups, hash.slice(20, 32)].join('-');
}

/** A file with a key, a space and a value per line. */
function readPairs(file: string): Record<string, string> {
  const lines = readFileSync(file, 'utf8').split('\n');
  return Object.fromEntries(lines.filter((line) => line !== '').map((line) => line.split(' ', 2) as [string, string]));
}

/** @param place named in the error: the directory itself is gone when the operator reads it */
function requireSpace(directory: string, mib: number, place: string): void {
  const free = Math.floor(freeBytes(directory) / (1024 * 1024));
  if (free < mib) {
    throw new FleetError({
      code: 'disk-full',
      problem: `${mebibytesText(free)} are free, and building an image takes ${mebibytesText(mib)} there`,
      place,
      remedy: 'free some space, then deploy again',
    });
  }
}

function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
