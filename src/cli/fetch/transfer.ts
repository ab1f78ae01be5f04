import { createHash } from 'node:crypto';
import { constants, createReadStream, lstatSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { CommandError, type Run } from '../../process/run';
import { SshFailure } from '../../ssh/failure';
import { answerTooLarge } from '../ssh/answer-too-large';
import type { Connections } from '../ssh/connections';
import { ConnectionLost, wasCutOff } from '../work/connection-lost';
import { unfitProgram } from '../work/missing-program';
import { rsyncShell } from '../work/rsync-shell';
import { placeIn } from './destination';

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
export interface Wanted {
  /** Directory of it there, absolute. */
  readonly root: string;
  /** Relative to `root`. */
  readonly source: string;
  /** Relative to the destination. */
  readonly target: string;
  readonly sha256: string;
}

/** A file that is here. */
export interface Arrived<T extends Wanted = Wanted> {
  readonly wanted: T;
  /** Absolute. */
  readonly path: string;
  readonly sizeBytes: number;
}

/** Runs rsync, which can write no file of more than KIBIBYTES even if the VM sends more: KIBIBYTES COMMAND… */
const LIMITED = 'trap "" XFSZ; ulimit -f "$1"; shift; exec "$@"';

/** Most that rsync, or a list of files, may have as text, in bytes. */
export const LARGEST_OUTPUT = 16 * 2 ** 20;

/** Permissions of fetched files: nothing runs as another account, and no other account can write. */
export const MODES = '--chmod=ug-s,o-t,go-w,u+rwX';

/**
 * Brings files to a directory that exists, each compared with the machine's own before it takes its name. What is there
 * already is not sent.
 *
 * @returns them in the order of `wanted`
 * @throws ConnectionLost; FleetError `fetch-damaged`, `fetch-failed`, `fetch-too-large`, `destination-refused`, `disk-full`
 */
export async function bring<T extends Wanted>(
  tools: FetchTools,
  vm: FleetVm,
  wanted: readonly T[],
  to: string,
): Promise<Arrived<T>[]> {
  const staging = await mkdtemp(join(to, '.arriving-'));
  try {
    const missing: T[] = [];
    for (const one of wanted) if (!(await isThere(join(to, one.target), one.sha256, tools.signal))) missing.push(one);
    for (const root of new Set(missing.map((one) => one.root))) {
      const part = missing.filter((one) => one.root === root);
      await transfer(tools, vm, root, part, staging, to);
    }
    const sent = new Set(missing);
    const arrived: Arrived<T>[] = [];
    for (const one of wanted) {
      const staged = sent.has(one) ? join(staging, one.source) : undefined;
      if (staged !== undefined && (await sha256Of(staged, tools.signal)) !== one.sha256) throw damaged(vm, one.source);
      const path = placeIn(to, one.target);
      if (staged !== undefined) await rename(staged, path);
      const { size, mode } = await stat(path);
      // those of what is fetched, also where an earlier fetch has brought it
      await chmod(path, (mode & 0o755) | 0o600);
      arrived.push({ wanted: one, path, sizeBytes: size });
    }
    return arrived;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Standard output of a command there. @throws ConnectionLost; FleetError `fetch-failed`, `vm-answer-limit` */
export async function onVm(
  { connections, signal }: FetchTools,
  vm: FleetVm,
  command: string,
  limit: number,
): Promise<string> {
  try {
    return (await connections.run(vm, { what: 'fetch', command, signal, limit })).stdout;
  } catch (error) {
    if (!(error instanceof SshFailure)) throw error;
    if (error.kind === 'too-much') throw answerTooLarge(vm, error);
    throw wasCutOff('ssh', error.exitCode) ? new ConnectionLost(vm, error.stderr, error) : failed(vm, error);
  }
}

/** Whether an earlier fetch has brought it. */
export async function isThere(place: string, sha256: string, signal: AbortSignal): Promise<boolean> {
  const isFile = lstatSync(place, { throwIfNoEntry: false })?.isFile() === true;
  return isFile && (await sha256Of(place, signal)) === sha256;
}

/** @param to destination; of a file that an earlier fetch has put there, only what differs travels */
async function transfer(
  tools: FetchTools,
  vm: FleetVm,
  root: string,
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
  await rsync(tools, vm, [...args, '--', `${vm.name}:${root}/`, `${staging}/`], list);
}

/** @throws ConnectionLost; FleetError `fetch-failed`, `fetch-too-large`, `disk-full` */
export async function rsync(
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

export function tooLarge(vm: FleetVm, limitBytes: number, bytes: number | undefined, cause?: unknown): FleetError {
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
