import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { FleetError } from '../model/errors';
import { CommandError, type Run } from '../process/run';

/** Where two disks differ. */
export interface DiskDifference {
  /** Absolute in the image; null for what belongs to no file. */
  readonly path: string | null;
  /** `is only in the second build`, `has other content` */
  readonly what: string;
}

export interface DifferenceRequest {
  /** qcow2 with a file system at 1 MiB. */
  readonly disks: readonly [first: string, second: string];
  /** Has room for both disks and for their files; what is put there is removed. */
  readonly workDirectory: string;
  readonly run: Run;
  readonly signal: AbortSignal;
}

const FILE_SYSTEM_AT = 1_048_576;

/**
 * Finds the first file, by path, in which two disks differ: content before dates, because a date alone seldom is the
 * cause. A difference outside of all files is reported by its offset on the disk. Needs no root and no mount; without
 * root it does not see owners.
 *
 * @throws FleetError when debugfs is missing; CommandError with what a tool said
 */
export async function findDifference(request: DifferenceRequest): Promise<DiskDifference> {
  const [one, other] = [join(request.workDirectory, 'first-files'), join(request.workDirectory, 'second-files')];
  try {
    await extractFiles(request.disks[0], one, request);
    await extractFiles(request.disks[1], other, request);
    for (const aspects of [[kind, content], [permissions], [date]]) {
      const found = await compareTrees(one, other, '/', aspects);
      if (found !== null) return found;
    }
  } finally {
    for (const directory of [one, other]) rmSync(directory, { recursive: true, force: true });
  }
  return { path: null, what: await firstDifferentByte(request) };
}

async function extractFiles(disk: string, directory: string, { run, signal }: DifferenceRequest): Promise<void> {
  const raw = `${directory}.raw`;
  mkdirSync(directory);
  try {
    await run('qemu-img', ['convert', '-O', 'raw', disk, raw], { signal });
    // The PATH of an ordinary account may lack the directories for administrators.
    const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
    await run('debugfs', ['-R', `rdump / ${directory}`, `${raw}?offset=${FILE_SYSTEM_AT}`], { signal, env });
  } catch (cause) {
    if (!(cause instanceof CommandError) || cause.code !== 'ENOENT') throw cause;
    throw new FleetError({
      code: 'program-missing',
      problem: 'the disks differ, and debugfs, which shows where, is not installed',
      remedy: 'apt-get install e2fsprogs',
      cause,
    });
  } finally {
    rmSync(raw, { force: true });
  }
  // debugfs reports no failure
  if (readdirSync(directory).length === 0) throw new Error(`debugfs finds no file in ${disk}`);
}

interface Pair {
  readonly paths: readonly [string, string];
  readonly stats: readonly [Stats, Stats];
}

/** Says what differs, or nothing. */
type Aspect = (pair: Pair) => string | null | Promise<string | null>;

async function compareTrees(
  one: string,
  other: string,
  path: string,
  aspects: readonly Aspect[],
): Promise<DiskDifference | null> {
  const [left, right] = [new Set(readdirSync(one)), new Set(readdirSync(other))];
  for (const name of [...new Set([...left, ...right])].sort()) {
    const inside = path + name;
    if (!left.has(name)) return { path: inside, what: 'is only in the second build' };
    if (!right.has(name)) return { path: inside, what: 'is only in the first build' };
    const paths = [join(one, name), join(other, name)] as const;
    const pair: Pair = { paths, stats: [lstatSync(paths[0]), lstatSync(paths[1])] };
    for (const aspect of aspects) {
      const what = await aspect(pair);
      if (what !== null) return { path: inside, what };
    }
    if (!pair.stats[0].isDirectory()) continue;
    const below = await compareTrees(...paths, `${inside}/`, aspects);
    if (below !== null) return below;
  }
  return null;
}

const TYPE_BITS = 0o170000;

function kind({ stats: [one, other] }: Pair): string | null {
  return (one.mode & TYPE_BITS) === (other.mode & TYPE_BITS) ? null : 'is of another kind';
}

async function content({ paths: [one, other], stats }: Pair): Promise<string | null> {
  if (stats[0].isSymbolicLink()) {
    const [from, to] = [readlinkSync(one), readlinkSync(other)];
    return from === to ? null : `leads to ${from} in the first build and to ${to} in the second`;
  }
  if (!stats[0].isFile()) return null;
  if (stats[0].size !== stats[1].size)
    return `has ${stats[0].size} bytes in the first build and ${stats[1].size} in the second`;
  return (await digest(one)) === (await digest(other)) ? null : 'has other content';
}

// debugfs makes links anew, with the date and the owner of the moment.
function permissions({ stats: [one, other] }: Pair): string | null {
  if (one.isSymbolicLink()) return null;
  if (one.mode !== other.mode) return `has mode ${octal(one)} in the first build and ${octal(other)} in the second`;
  const [owner, otherOwner] = [`${one.uid}:${one.gid}`, `${other.uid}:${other.gid}`];
  return owner === otherOwner ? null : `belongs to ${owner} in the first build and to ${otherOwner} in the second`;
}

function octal({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

function date({ stats: [one, other] }: Pair): string | null {
  if (one.isSymbolicLink() || one.mtimeMs === other.mtimeMs) return null;
  return `is dated ${one.mtime.toISOString()} in the first build and ${other.mtime.toISOString()} in the second`;
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function firstDifferentByte({ disks, run, signal }: DifferenceRequest): Promise<string> {
  const { stdout } = await run('qemu-img', ['compare', ...disks], { signal, acceptExitCodes: [0, 1] });
  const offset = /^Content mismatch at offset (\d+)/m.exec(stdout)?.[1];
  if (offset === undefined) return 'the disks hold the same, and only their qcow2 files differ';
  const place = Number(offset) < FILE_SYSTEM_AT ? 'boot sectors' : "file system's own data";
  return `the ${place} differ at byte ${offset} of the disk`;
}
