import { createHash } from 'node:crypto';
import {
  appendFileSync,
  type Dirent,
  lstatSync,
  readdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { runtimeDirectory } from '../../files/runtime-directory';
import type { FleetVm } from '../../model/fleet';
import type { LoadedFleet } from '../fleet-file';

/** What is known of a file as it was sent: `MTIME SIZE`, in nanoseconds and bytes; `?` where it was just being written. */
type Stamp = string;

const UNCERTAIN: Stamp = '?';

/** Lines in the file for each path in it, from which on it is written anew. */
const MOST_LINES_PER_PATH = 3;

/**
 * Remembers which files one workspace was sent, on this workstation, so that a change on the VM can be told from one that
 * was made here. A line is appended for each file that is sent; the file is read only when something was replaced.
 */
export class SentJournal {
  /** @param path absolute, of a file that may be lost */
  constructor(private readonly path: string | undefined) {}

  /** What the journal says. Undefined without one. */
  read(): { readonly stamps: ReadonlyMap<string, Stamp>; readonly settled: string } | undefined {
    if (this.path === undefined) return undefined;
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch {
      return undefined;
    }
    const lines = text.split('\0').filter((line) => line !== '');
    const entries = lines.map((line): [string, Stamp] => {
      const at = line.indexOf('\t');
      return [line.slice(at + 1), line.slice(0, at)];
    });
    const stamps = new Map(entries);
    if (lines.length > MOST_LINES_PER_PATH * stamps.size) this.write(stamps);
    const settled = stamps.get('') ?? '';
    stamps.delete('');
    return { stamps, settled };
  }

  /**
   * Notes what was sent. Where nothing is noted yet, all files of the project: they are on the VM by now.
   *
   * @param names relative to the root
   * @param since when the last sending began, in ms: what was written later may be another one than was sent
   */
  note(root: string, names: readonly string[], since: number): void {
    if (this.path === undefined) return;
    const isNew = lstatSync(this.path, { throwIfNoEntry: false }) === undefined;
    const isPlain = plainDirectories(root);
    const lines = (isNew ? allFiles(root) : names.map(unescaped)).map((name) =>
      lineOf(name, isPlain(dirname(name)) ? stampOf(join(root, name), since) : UNCERTAIN),
    );
    if (isNew || lines.length > 0) this.append(lines);
  }

  /** Notes that what a run has put aside was looked through. */
  settle(run: string): void {
    this.append([lineOf('', run)]);
  }

  private append(lines: readonly string[]): void {
    if (this.path === undefined) return;
    try {
      appendFileSync(this.path, lines.join(''), { mode: 0o600 });
    } catch {
      // Without it nothing is lost, only kept without a word.
    }
  }

  private write(stamps: ReadonlyMap<string, Stamp>): void {
    try {
      if (this.path !== undefined)
        writeFileSync(this.path, [...stamps].map(([name, stamp]) => lineOf(name, stamp)).join(''), { mode: 0o600 });
    } catch {
      // It stays longer than it need be.
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

function lineOf(name: string, stamp: Stamp): string {
  return `${stamp}\t${name}\0`;
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
