import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { FleetError } from '../../model/errors';
import { definitionHash, sourceDateEpoch, type ImageDefinition } from '../../model/image-definition';
import type { Run } from '../../process/run';
import { aptLine, debianLines, parseDeb822Sources, parseOneLineSources } from './apt-sources';
import { bootSectors, createSparseFile, overwriteBegin } from './boot-sector';
import { explainBuildFailure } from './build-failures';
import { stageAssets } from './image-assets';

/** Called when a build comes to another step, and with what the step's tool says. */
export type BuildProgress = (step: string, detail?: string) => void;

export interface ImageBuildRequest {
  readonly definition: ImageDefinition;
  /** Holds the assets under the paths of the definition. */
  readonly assetsDirectory: string;
  /** Empty, belongs to this build, on the file system where the disk shall end. */
  readonly workDirectory: string;
  readonly run: Run;
  readonly signal: AbortSignal;
  readonly progress: BuildProgress;
}

/** A finished disk and what it was made of. */
export interface BuiltDisk {
  /** qcow2 in the work directory. */
  readonly path: string;
  /** Versions by package name, as resolved. */
  readonly packages: Readonly<Record<string, string>>;
  /** sha256 of each signed Release file by the name apt gives it. */
  readonly releases: Readonly<Record<string, string>>;
  /** First line of each tool's `--version`. */
  readonly tools: Readonly<Record<string, string>>;
}

/** The workstation's keyring of Debian's archive; nothing is installed that it does not vouch for. */
export const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Where the unpacked system and the raw disk fit. */
const STAGE_MIB = 4096;
const WORK_MIB = 1024;
/** A mirror that trickles for longer is as good as none. */
const BUILD_LIMIT = '2h';

/**
 * Builds a Debian disk that boots by itself. Needs no root where user namespaces work, no loop device, no mount of the
 * disk, no VM. Leaves nothing outside the work directory, also when it fails.
 *
 * @throws FleetError that says what to do; CommandError when the signal fired
 */
export async function buildDebianImage(request: ImageBuildRequest): Promise<BuiltDisk> {
  const { definition, workDirectory, run, signal, progress } = request;
  if (!existsSync(DEBIAN_KEYRING)) {
    throw new FleetError({
      code: 'debian-keyring-missing',
      problem: `the keyring ${DEBIAN_KEYRING} is missing, and without it no package can be verified`,
      place: `image ${definition.name}`,
      remedy: 'apt-get install debian-archive-keyring',
    });
  }
  requireSpace(workDirectory, WORK_MIB);
  const stage = makeStage(workDirectory);
  try {
    requireSpace(stage, STAGE_MIB);
    progress('collecting tool versions');
    const tools = await toolVersions(request);
    stageAssets(definition, request.assetsDirectory, stage);
    await installSystem(request, stage);
    const path = await writeDisk(request, stage);
    return { path, packages: readPairs(join(stage, 'out/packages')), releases: readReleases(stage), tools };
  } catch (cause) {
    throw signal.aborted ? cause : explainBuildFailure(cause, { definition, stage, workDirectory });
  } finally {
    await removeStage(stage, run);
    progress('build directory removed');
  }
}

async function installSystem({ definition, run, signal, progress }: ImageBuildRequest, stage: string): Promise<void> {
  const hash = definitionHash(definition);
  mkdirSync(join(stage, 'out'));
  chmodSync(join(stage, 'out'), 0o777);
  mkdirSync(join(stage, 'tmp'));
  chmodSync(join(stage, 'tmp'), 0o755);
  createSparseFile(join(stage, 'out/disk.raw'), definition.diskMib);
  writeFileSync(join(stage, 'started'), '');
  const hook = (name: string) => join(stage, 'assets/debian/hooks', name);
  progress('installing packages');
  // A signal to timeout, the caller's or that of its death, reaches everything mmdebstrap started.
  await run(
    'setpriv',
    [
      ...['--pdeathsig', 'TERM', 'timeout', '--kill-after=4', BUILD_LIMIT],
      ...[
        'mmdebstrap',
        `--mode=${process.getuid?.() === 0 ? 'root' : 'unshare'}`,
        '--variant=minbase',
        '--format=null',
      ],
      ...[`--architectures=${definition.base.architecture}`, `--keyring=${DEBIAN_KEYRING}`],
      `--include=${definition.packages.join(',')}`,
      ...['--aptopt=Acquire::Languages "none"', '--aptopt=Acquire::Retries "3"'],
      ...(definition.base.snapshot === null ? [] : ['--aptopt=Acquire::Check-Valid-Until "false"']),
      // Nobody will miss these files after a power cut in the middle of a build.
      '--dpkgopt=force-unsafe-io',
      `--setup-hook=${hook('setup.sh')}`,
      `--customize-hook=${hook('customize.sh')}`,
      `--customize-hook=${hook('make-filesystem.sh')}`,
      // The file system is written by then.
      '--skip=cleanup/apt,cleanup/reproducible',
      ...[definition.base.suite, '-', ...mirrorLines(definition)],
    ],
    {
      signal,
      env: {
        ...{ TMPDIR: join(stage, 'tmp'), TZ: 'UTC' },
        // Not under its usual name: it would make Python's caches of packages compare contents at every import.
        BUILDFLEET_SOURCE_DATE_EPOCH: String(sourceDateEpoch(hash)),
        ...{ TOOLCHAIN: definition.toolchain.kind, GHC_PRIMARY_VERSION: definition.toolchain.ghc },
        ...{ CABAL_VERSION: definition.toolchain.cabal, BUILD_TIMEZONE: definition.timezone },
        ...{ BUILD_LOCALE: definition.locale, BUILD_KEYBOARD: definition.keyboard },
        ...{
          BUILDFLEET_STAGE: stage,
          BUILDFLEET_ROOT_UUID: rootUuid(hash),
          BUILDFLEET_DISK_MIB: String(definition.diskMib),
        },
      },
      onLine: (line) => {
        reportLine(line, progress);
      },
    },
  );
}

async function writeDisk(
  { definition, run, signal, progress, workDirectory }: ImageBuildRequest,
  stage: string,
): Promise<string> {
  const raw = join(stage, 'out/disk.raw');
  const disk = join(workDirectory, 'disk.qcow2');
  const sectors = bootSectors({
    bootImage: readFileSync(join(stage, 'out/boot.img')),
    coreImage: readFileSync(join(stage, 'out/core.img')),
    diskMib: definition.diskMib,
    diskId: Number.parseInt(definitionHash(definition).slice(0, 8), 16),
  });
  overwriteBegin(raw, sectors);
  progress('compressing the disk');
  await run(
    'setpriv',
    [
      ...['--pdeathsig', 'TERM', 'qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2'],
      ...['-c', '-o', 'compression_type=zstd', raw, disk],
    ],
    { signal },
  );
  return disk;
}

/** apt's lines for the image; none leaves the choice to mmdebstrap. */
function mirrorLines({ base }: ImageDefinition): string[] {
  if (base.mirror !== null) {
    const uri = base.mirror.replace(/\/+$/, '');
    return [aptLine(base.snapshot === null ? uri : `${uri}/${base.snapshot}`, base.suite)];
  }
  return debianLines(workstationSources('/etc/apt'), base.suite);
}

function workstationSources(directory: string) {
  const parts = join(directory, 'sources.list.d');
  const files = [
    join(directory, 'sources.list'),
    ...(existsSync(parts)
      ? readdirSync(parts)
          .sort()
          .map((name) => join(parts, name))
      : []),
  ];
  return files.flatMap((file) => {
    const parse = file.endsWith('.sources')
      ? parseDeb822Sources
      : file.endsWith('.list')
        ? parseOneLineSources
        : undefined;
    return parse === undefined || !existsSync(file) ? [] : parse(readFileSync(file, 'utf8'));
  });
}

/** UUID of the root file system, which follows from the definition. */
function rootUuid(hash: string): string {
  const variant = ((Number.parseInt(hash.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `4${hash.slice(13, 16)}`,
    variant + hash.slice(17, 20),
    hash.slice(20, 32),
  ].join('-');
}

function reportLine(line: string, progress: BuildProgress): void {
  const [, ours] = /^buildfleet: (.*)/.exec(line) ?? [];
  const [, theirs] = /^I: (.*)/.exec(line) ?? [];
  if (ours !== undefined) progress(ours);
  else if (theirs !== undefined) progress('installing packages', theirs);
}

async function toolVersions({ run, signal }: ImageBuildRequest): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const tool of ['mmdebstrap', 'qemu-img']) {
    const { stdout } = await run(tool, ['--version'], { signal });
    versions[tool] = stdout.split('\n')[0] ?? '';
  }
  return versions;
}

function readReleases(stage: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(readPairs(join(stage, 'out/releases'))).map(([sha256, name]) => [name, sha256]),
  );
}

function readPairs(file: string): Record<string, string> {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return Object.fromEntries(lines.map((line) => line.split(' ', 2) as [string, string]));
}

/**
 * A directory for the parts of a build that run as somebody else: in a user namespace nobody can enter a home
 * directory that others may not enter, so it lies below /var/tmp where the work directory is out of reach. The name of
 * such a stage is left in the work directory, for {@link removeLeftovers}.
 */
function makeStage(workDirectory: string): string {
  const own = join(workDirectory, 'stage');
  if (process.getuid?.() === 0 || isOpenToOthers(workDirectory)) {
    mkdirSync(own);
    chmodSync(own, 0o755);
    return own;
  }
  const stage = mkdtempSync('/var/tmp/buildfleet-image-');
  writeFileSync(join(workDirectory, 'stage-path'), stage);
  chmodSync(stage, 0o711);
  return stage;
}

function isOpenToOthers(path: string): boolean {
  return (statSync(path).mode & 0o001) !== 0 && (path === dirname(path) || isOpenToOthers(dirname(path)));
}

/** Removes a work directory, a finished or an abandoned one, and what belongs to it elsewhere. */
export async function removeWorkDirectory(workDirectory: string, run: Run): Promise<void> {
  const note = join(workDirectory, 'stage-path');
  if (existsSync(note)) {
    const stage = readFileSync(note, 'utf8');
    if (/^\/var\/tmp\/buildfleet-image-[A-Za-z0-9]+$/.test(stage)) await removeStage(stage, run);
  }
  await removeStage(join(workDirectory, 'stage'), run);
  rmSync(workDirectory, { recursive: true, force: true });
}

async function removeStage(stage: string, run: Run): Promise<void> {
  // A build that was killed leaves files of its user namespace's users, which only such a user can remove.
  const tmp = join(stage, 'tmp');
  if (process.getuid?.() !== 0 && existsSync(tmp) && readdirSync(tmp).length > 0) {
    await run('mmdebstrap', ['--unshare-helper', 'rm', '-rf', ...readdirSync(tmp).map((name) => join(tmp, name))]);
  }
  rmSync(stage, { recursive: true, force: true });
}

function requireSpace(directory: string, mib: number): void {
  const { bavail, bsize } = statfsSync(directory);
  const free = Math.floor((bavail * bsize) / (1024 * 1024));
  if (free < mib) {
    throw new FleetError({
      code: 'disk-full',
      problem: `${free} MiB are free, and building an image takes ${mib} there`,
      place: directory,
      remedy: 'free some space, then deploy again',
    });
  }
}
