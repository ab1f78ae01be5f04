import { createHash } from 'node:crypto';
import { appendFileSync, type Dirent, lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomically } from '../../files/atomic';
import { runtimeDirectory } from '../../files/runtime-directory';
import type { FleetVm } from '../../model/fleet';
import type { LoadedFleet } from '../fleet-file';

/** What is known of a file as it was sent: `MTIME SIZE`, in nanoseconds and bytes; `?` where it was just being written. */
type Stamp = string;

const UNCERTAIN: Stamp = '?';

/** Lines in the file for each path in it, from which on it is written anew. */
const MOST_LINES_PER_PATH = 3;

/** Runs that are remembered to be settled: as many commands as may work at the same time, and their number before. */
const MOST_SETTLED = 16;

/** Names of lines that are about a run. Those of files are relative. */
const SETTLED = '';
const BEGUN = '/begun';
const ENDED = '/ended';

/** What a journal says. */
export interface Sent {
  readonly stamps: ReadonlyMap<string, Stamp>;
  /** Runs of which all that they put aside was looked through. */
  readonly settled: readonly string[];
  /** The last run that has sent all; empty for none. */
  readonly last: string;
  /** Whether no run after that has begun to send: it may have sent some files that are not noted. */
  readonly isWhole: boolean;
}

/**
 * Remembers which files one workspace was sent, on this workstation, so that a change on the VM can be told from one that
 * was made here. A line is appended for each file that is sent. Only who holds the workspace writes.
 */
export class SentJournal {
  /** @param path absolute, of a file that may be lost */
  constructor(private readonly path: string | undefined) {}

  /** Another one after each run that has begun or ended. Undefined without a journal. */
  version(): string | undefined {
    if (this.path === undefined) return undefined;
    const found = lstatSync(this.path, { throwIfNoEntry: false, bigint: true });
    return found && `${found.ino} ${found.size} ${found.mtimeNs}`;
  }

  /** What the journal says. Undefined without one. */
  read(): Sent | undefined {
    const lines = this.lines();
    if (lines === undefined) return undefined;
    const stamps = new Map(lines.filter(([name]) => name !== SETTLED));
    const [begun = '', last = ''] = [stamps.get(BEGUN), stamps.get(ENDED)];
    for (const name of [BEGUN, ENDED]) stamps.delete(name);
    return { stamps, settled: settledIn(lines), last, isWhole: begun === last };
  }

  /** Notes that a run begins to send. What it sends is known only to {@link end}, which may not come. */
  begin(run: string): void {
    const lines = this.lines() ?? [];
    const latest = new Map(lines);
    if (lines.length > MOST_LINES_PER_PATH * latest.size) {
      latest.delete(SETTLED);
      const settled = settledIn(lines).map((one): [string, string] => [SETTLED, one]);
      this.attempt((path) => {
        writeFileAtomically(path, [...settled, ...latest].map(lineOf).join(''), { mode: 0o600 });
      });
    }
    this.append([[BEGUN, run]]);
  }

  /**
   * Notes what a run has sent.
   *
   * @param names relative to the root; undefined: all files of the project
   * @param since when the last sending began, in ms: what was written later may be another one than was sent
   * @param settled runs of which all that they put aside was looked through
   */
  end(
    run: string,
    {
      root,
      names,
      since,
    }: { readonly root: string; readonly names: readonly string[] | undefined; readonly since: number },
    settled: readonly string[] = [],
  ): void {
    if (this.path === undefined) return;
    const isPlain = plainDirectories(root);
    this.append([
      ...settled.map((one): [string, string] => [SETTLED, one]),
      ...(names?.map(unescaped) ?? allFiles(root)).map((name): [string, Stamp] => [
        name,
        isPlain(dirname(name)) ? stampOf(join(root, name), since) : UNCERTAIN,
      ]),
      [ENDED, run],
    ]);
  }

  /** Names, and what is noted of them. A line without its end was being written, or its writer was killed. */
  private lines(): [name: string, stamp: string][] | undefined {
    let text: string | undefined;
    this.attempt((path) => (text = readFileSync(path, 'utf8')));
    return text
      ?.split('\0')
      .slice(0, -1)
      .flatMap((line): [string, string][] => {
        const at = line.indexOf('\t');
        return at === -1 ? [] : [[line.slice(at + 1), line.slice(0, at)]];
      });
  }

  /** Begins with the end of a line, because the one before may have none. */
  private append(lines: readonly (readonly [name: string, stamp: string])[]): void {
    this.attempt((path) => {
      appendFileSync(path, `\0${lines.map(lineOf).join('')}`, { mode: 0o600 });
    });
  }

  private attempt(action: (path: string) => void): void {
    try {
      if (this.path !== undefined) action(this.path);
    } catch {
      // Without it nothing is lost, only kept without a word.
    }
  }
}

/** Where the journal of a workspace is: worth remembering until the next boot. */
export function journalPath(
  { paths }: LoadedFleet,
  environment: NodeJS.ProcessEnv,
  { vm, workspace }: { readonly vm: FleetVm; readonly workspace: string },
): string {
  const identity = [paths.stateDirectory, vm.name, workspace].join('\0');
  const name = createHash('sha256').update(identity).digest('hex').slice(0, 16);
  return join(runtimeDirectory(environment), `sent-${name}`);
}

/** Whether a file on the VM is as it was sent; undefined where that cannot be told. */
export function isAsSent(
  stamps: ReadonlyMap<string, Stamp>,
  name: string,
  { mtime, size }: { readonly mtime: string; readonly size: string },
): boolean | undefined {
  const stamp = stamps.get(name);
  if (stamp === undefined) return false;
  if (stamp === UNCERTAIN) return undefined;
  const [sentMtime = '', sentSize = ''] = stamp.split(' ');
  // A file system there may count whole seconds.
  const isWhole = mtime.endsWith('000000000');
  const isSameTime = isWhole ? sentMtime.slice(0, -9) === mtime.slice(0, -9) : sentMtime === mtime;
  return isSameTime && sentSize === size;
}

function lineOf([name, stamp]: readonly [name: string, stamp: string]): string {
  return `${stamp}\t${name}\0`;
}

function settledIn(lines: readonly (readonly [name: string, stamp: string])[]): string[] {
  return lines.flatMap(([name, run]) => (name === SETTLED ? [run] : [])).slice(-MOST_SETTLED);
}

function stampOf(path: string, since: number): Stamp {
  const found = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  if (found?.isFile() !== true) return UNCERTAIN;
  return Number(found.mtimeNs / 1_000_000n) >= since ? UNCERTAIN : `${found.mtimeNs} ${found.size}`;
}

/** Tells of directories whether no link leads to them: what is behind one was sent as a copy, with a time that is not so fine. */
function plainDirectories(root: string): (directory: string) => boolean {
  const known = new Map<string, boolean>();
  return (directory) => {
    const path = join(root, directory);
    const isPlain = known.get(path) ?? isWithoutLinks(path);
    known.set(path, isPlain);
    return isPlain;
  };
}

function isWithoutLinks(path: string): boolean {
  try {
    return realpathSync(path) === path;
  } catch {
    return false;
  }
}

/** rsync prints control characters as `\#012`. */
function unescaped(name: string): string {
  return name.replace(/\\#(\d{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)));
}

/** Paths of all files, without those of git and of cabal's own directory, which can be many. */
function allFiles(root: string, place = ''): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(join(root, place), { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    if (entry.name === '.git' || entry.name === 'dist-newstyle') return [];
    const path = join(place, entry.name);
    return entry.isDirectory() ? allFiles(root, path) : [path];
  });
}
