import { createHash } from 'node:crypto';
import { constants, createReadStream, lstatSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { CommandError, type Run } from '../../process/run';
import { shellWords } from '../../rendering/shell-word';
import { SshFailure } from '../../ssh/failure';
import { ConnectionLost, wasCutOff } from '../work/connection-lost';
import { unfitProgram } from '../work/missing-program';
import { rsyncShell } from '../work/rsync-shell';
import { workspacePath } from '../project/workspace';
import { answerTooLarge } from '../ssh/answer-too-large';
import type { Connections } from '../ssh/connections';
import { supervisedCommand } from '../ssh/remote-command';
import { type Artifact, parseBuildPlan } from './build-plan';
import { placeIn, prepareDestination } from './destination';
import type { Fetched } from './report';

export interface FetchTools {
  readonly run: Run;
  readonly connections: Connections;
  readonly signal: AbortSignal;
  /** Most that is fetched, in bytes. */
  readonly limitBytes: number;
}

export interface FetchSource {
  readonly vm: FleetVm;
  /** Name of the workspace, which has to be held: see `withWorkspace`. */
  readonly workspace: string;
}

/** A file on the machine that is to come here. */
interface Wanted {
  readonly artifact: Artifact;
  /** Relative to the workspace. */
  readonly source: string;
  /** Relative to the destination. */
  readonly target: string;
  readonly sha256: string;
}

/**
 * Prints `SHA256  PATH` and a zero byte for each file that is named and there: LIMIT ROOT FILE… Where they have more than
 * LIMIT bytes together, which is known before any is read, it prints `large BYTES` only.
 */
const LIST = `limit=$1 total=0
cd "$2" && shift 2 || exit 1
for file; do
  shift
  [ -f "$file" ] || continue
  set -- "$@" "$file"
  total=$((total + $(stat --dereference --format=%s -- "$file")))
done
if [ "$total" -gt "$limit" ]; then echo "large $total"; exit; fi
[ $# -eq 0 ] || exec sha256sum --zero -- "$@"`;

/** Runs rsync, which can write no file of more than KIBIBYTES even if the VM sends more: KIBIBYTES COMMAND… */
const LIMITED = 'trap "" XFSZ; ulimit -f "$1"; shift; exec "$@"';

/** Largest `plan.json`, in bytes: cabal writes some kilobytes for each package. */
const LARGEST_PLAN = 32 * 2 ** 20;

/** Most that rsync may print, in bytes. */
const LARGEST_OUTPUT = 16 * 2 ** 20;

/** Permissions of fetched files: nothing runs as another account, and no other account can write. */
const MODES = '--chmod=ug-s,o-t,go-w,u+rwX';

/**
 * Brings the executables and libraries that cabal has built: to `bin/` and `lib/` of the destination, each compared with
 * the machine's own before it takes its name.
 *
 * @throws ConnectionLost; FleetError `nothing-built`, `fetch-damaged`, `fetch-failed`, `fetch-too-large`, `destination-refused`,
 *   `build-plan-unreadable`
 */
export async function fetchArtifacts(tools: FetchTools, source: FetchSource, to: string): Promise<Fetched[]> {
  const wanted = await listWanted(tools, source);
  if (wanted.length === 0) throw nothingBuilt(source.vm);
  prepareDestination(to);
  const staging = await mkdtemp(join(to, '.arriving-'));
  try {
    const missing: Wanted[] = [];
    for (const one of wanted) if (!(await isThere(join(to, one.target), one.sha256, tools.signal))) missing.push(one);
    if (missing.length > 0) await transfer(tools, source, missing, staging, to);
    const sent = new Set(missing.map((one) => one.source));
    const fetched: Fetched[] = [];
    for (const { artifact, source: path, target, sha256 } of wanted) {
      const arrived = sent.has(path) ? join(staging, path) : undefined;
      if (arrived !== undefined && (await sha256Of(arrived, tools.signal)) !== sha256) throw damaged(source.vm, path);
      const place = placeIn(to, target);
      if (arrived !== undefined) await rename(arrived, place);
      const { size, mode } = await stat(place);
      // those of what is fetched, also where an earlier fetch has brought it
      await chmod(place, (mode & 0o755) | 0o600);
      const { kind, package: owner, name } = artifact;
      fetched.push({ kind, package: owner, name, path: place, sizeBytes: size, sha256 });
    }
    return fetched;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * Makes a directory equal to the project's whole `dist-newstyle`.
 *
 * @throws ConnectionLost; FleetError `nothing-built`, `fetch-failed`, `fetch-too-large`, `destination-refused`
 */
export async function fetchEverything(tools: FetchTools, source: FetchSource, to: string): Promise<void> {
  await readPlan(tools, source);
  prepareDestination(to);
  await rsync(tools, source.vm, [
    ...['--recursive', '--links', '--safe-links', '--perms', MODES, '--times', '--delete'],
    ...['--filter', 'protect /.buildfleet-fetched', '--partial-dir=.buildfleet-partial'],
    ...['--', `${source.vm.name}:${workspacePath(source.workspace)}/dist-newstyle/`, `${to}/`],
  ]);
}

async function listWanted(tools: FetchTools, source: FetchSource): Promise<Wanted[]> {
  const root = workspacePath(source.workspace);
  const artifacts = parseBuildPlan(await readPlan(tools, source));
  const candidates = artifacts.flatMap((artifact) =>
    artifact.files
      .filter((file) => isInside(root, file))
      .map((file) => ({ artifact, source: file.slice(root.length + 1) })),
  );
  if (candidates.length === 0) return [];
  const files = candidates.map((one) => one.source);
  const argv = ['sh', '-c', LIST, 'list', String(tools.limitBytes), root, ...files];
  // Checksums take long, and end when we are gone.
  const listing = await onVm(tools, source.vm, supervisedCommand(argv), LARGEST_OUTPUT);
  const large = /^large (\d{1,20})\n$/.exec(listing)?.[1];
  if (large !== undefined) throw tooLarge(source.vm, tools.limitBytes, Number(large));
  const sums = new Map(
    listing
      .split('\0')
      .filter((line) => line !== '')
      .map((line) => [line.slice(66), line.slice(0, 64)] as const),
  );
  const present = candidates.flatMap((one) => {
    const sha256 = sums.get(one.source);
    return sha256 === undefined ? [] : [{ ...one, sha256 }];
  });
  return present.map((one) => ({ ...one, target: targetOf(one, present) }));
}

/** Two packages may have an executable of the same name: then each goes into a directory of its package. */
function targetOf(
  { artifact, source }: { readonly artifact: Artifact; readonly source: string },
  all: readonly { readonly artifact: Artifact; readonly source: string }[],
): string {
  const file = source.slice(source.lastIndexOf('/') + 1);
  const folder = artifact.kind === 'executable' ? 'bin' : 'lib';
  const shared = all.some((other) => other.source !== source && other.source.endsWith(`/${file}`));
  return shared ? `${folder}/${artifact.package}/${file}` : `${folder}/${file}`;
}

function isInside(root: string, file: string): boolean {
  return file.startsWith(`${root}/`) && !file.split('/').includes('..');
}

async function readPlan(tools: FetchTools, { vm, workspace }: FetchSource): Promise<string> {
  const plan = `${workspacePath(workspace)}/dist-newstyle/cache/plan.json`;
  const command = shellWords(['sh', '-c', 'cat "$1" 2>/dev/null || true', 'plan', plan]);
  const text = await onVm(tools, vm, command, LARGEST_PLAN);
  if (text === '') throw nothingBuilt(vm);
  return text;
}

async function onVm({ connections, signal }: FetchTools, vm: FleetVm, command: string, limit: number): Promise<string> {
  try {
    return (await connections.run(vm, { what: 'fetch', command, signal, limit })).stdout;
  } catch (error) {
    if (!(error instanceof SshFailure)) throw error;
    if (error.kind === 'too-much') throw answerTooLarge(vm, error);
    throw wasCutOff('ssh', error.exitCode) ? new ConnectionLost(vm, error.stderr, error) : failed(vm, error);
  }
}

/** Whether an earlier fetch has brought it. */
async function isThere(place: string, sha256: string, signal: AbortSignal): Promise<boolean> {
  const isFile = lstatSync(place, { throwIfNoEntry: false })?.isFile() === true;
  return isFile && (await sha256Of(place, signal)) === sha256;
}

/** @param to destination; of a file that an earlier fetch has put there, only what differs travels */
async function transfer(
  tools: FetchTools,
  { vm, workspace }: FetchSource,
  wanted: readonly Wanted[],
  staging: string,
  to: string,
): Promise<void> {
  for (const { source, target } of wanted) {
    const former = join(to, target);
    if (lstatSync(former, { throwIfNoEntry: false })?.isFile() !== true) continue;
    await mkdir(join(staging, dirname(source)), { recursive: true });
    await copyFile(former, join(staging, source), constants.COPYFILE_FICLONE);
  }
  const list = wanted.map((one) => `${one.source}\0`).join('');
  const args = ['--copy-links', '--perms', MODES, '--times', '--ignore-times', '--files-from=-', '--from0'];
  await rsync(tools, vm, [...args, '--', `${vm.name}:${workspacePath(workspace)}/`, `${staging}/`], list);
}

async function rsync(
  { run, connections, signal, limitBytes }: FetchTools,
  vm: FleetVm,
  args: readonly string[],
  input?: string,
): Promise<void> {
  const over = new AbortController();
  let bytes = 0;
  // It names the size of each file that has arrived.
  const onLine = (line: string): void => {
    if (/^arrived \d{1,20}$/.test(line)) bytes += Number(line.slice('arrived '.length));
    if (bytes > limitBytes) over.abort();
  };
  const command = ['rsync', '--rsh', rsyncShell(connections, vm), '--out-format=arrived %l', ...args];
  try {
    await run('bash', ['-c', LIMITED, 'limited', String(Math.ceil(limitBytes / 1024)), ...command], {
      signal: AbortSignal.any([signal, over.signal]),
      onLine,
      limit: LARGEST_OUTPUT,
      ...(input === undefined ? {} : { input }),
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (!signal.aborted && (over.signal.aborted || /File too large/.test(error.stderr))) {
      throw tooLarge(vm, limitBytes, undefined, error);
    }
    if (error.cancelled) throw error;
    if (error.excess !== undefined) throw answerTooLarge(vm, new SshFailure(vm.name, 'fetch', error, error));
    const unfit = unfitProgram(vm, 'limited', error);
    if (unfit !== undefined) throw unfit;
    const full = /No space left on device/.test(error.stderr);
    if (!full)
      throw wasCutOff('rsync', error.exitCode) ? new ConnectionLost(vm, error.stderr, error) : failed(vm, error);
    throw new FleetError({
      code: 'disk-full',
      problem: 'the disk of this workstation is full',
      remedy: 'free some space, or fetch to another disk with --to',
      cause: error,
    });
  }
}

async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest('hex');
}

function nothingBuilt(vm: FleetVm): FleetError {
  return new FleetError({
    code: 'nothing-built',
    problem: `nothing of this project is built on ${vm.name}`,
    remedy: 'run `buildfleet build` first',
  });
}

function tooLarge(vm: FleetVm, limitBytes: number, bytes: number | undefined, cause?: unknown): FleetError {
  const mebibytes = (amount: number) => `${Math.ceil(amount / 2 ** 20)} MiB`;
  return new FleetError({
    code: 'fetch-too-large',
    problem: `what ${vm.name} has is larger than the limit of ${mebibytes(limitBytes)}${bytes === undefined ? '' : `: ${mebibytes(bytes)}`}`,
    remedy: 'see whether that is what you want, and allow more with --limit, such as `--limit 100GiB`',
    cause,
  });
}

function failed(vm: FleetVm, cause: CommandError | SshFailure): FleetError {
  return new FleetError({
    code: 'fetch-failed',
    problem: `not everything could be brought from ${vm.name}: ${cause.stderr.trim().split('\n').slice(0, 3).join('; ')}`,
    remedy: 'put right what it names, and fetch again',
    cause,
  });
}

function damaged(vm: FleetVm, path: string): FleetError {
  return new FleetError({
    code: 'fetch-damaged',
    problem: `what arrived is not what ${vm.name} has; nothing was put in place`,
    place: path,
    remedy: 'fetch again; if this stays, look at both disks',
  });
}
