import { randomBytes } from 'node:crypto';
import type { FleetVm } from '../../model/fleet';
import { shellWords } from '../../rendering/shell-word';
import { SshFailure } from '../../ssh/failure';
import { booksPath, workspacePath } from '../project/workspace';
import { visibleName } from '../project/visible-name';
import type { Connections } from '../ssh/connections';
import { scriptCommand } from '../ssh/remote-command';
import { scriptText } from './script';
import { isAsSent, SentJournal } from './sent-journal';

/** A file that rsync has replaced or deleted on the VM, as it was there. */
interface Aside {
  readonly name: string;
  /** In nanoseconds. */
  readonly mtime: string;
  /** In bytes. */
  readonly size: string;
}

/** Longest list of names, in bytes, that one command line can have. With more, all that was put aside is kept. */
const LONGEST_LIST = 60_000;

/** Files that a remark names. */
const MOST_NAMED = 5;

/** Largest list of kept files, in bytes. */
const LARGEST_ANSWER = 4 * 2 ** 20;

/**
 * What a synchronisation replaces or deletes is put aside on the VM in one step with that, which costs nothing. Of it is
 * kept what the VM had changed or made, because that is nowhere else; `fetch --path` brings it.
 */
export class SetAside {
  private readonly id = randomBytes(6).toString('hex');
  private readonly journal: SentJournal;
  private readonly before: ReturnType<SentJournal['read']>;

  /** @param journalPath see {@link SentJournal}; undefined: all is kept, and nothing said */
  constructor(
    private readonly vm: FleetVm,
    private readonly workspace: string,
    journalPath: string | undefined,
  ) {
    this.journal = new SentJournal(journalPath);
    this.before = this.journal.read();
  }

  private get paths(): readonly [workspace: string, books: string] {
    return [workspacePath(this.workspace), booksPath(this.workspace)];
  }

  /** Options of rsync. */
  get options(): string[] {
    const args = [...this.paths, this.id, this.before?.settled ?? ''];
    return [
      ...['--backup', `--backup-dir=${this.paths[1]}.aside-${this.id}`],
      `--rsync-path=receive() {\n${scriptText('receive')}}; receive ${shellWords(args)} rsync`,
    ];
  }

  /**
   * Keeps what the VM had changed.
   *
   * @param stderr of rsync
   * @param names of the files that were sent, relative to `root`
   * @param since when the last sending began, in ms
   * @returns what people have to know, one line each
   */
  async settle(
    connections: Connections,
    stderr: string,
    { root, names, since, signal }: { root: string; names: readonly string[]; since: number; signal: AbortSignal },
  ): Promise<string[]> {
    const stamps = this.before?.stamps;
    const asides = parseAsides(stderr);
    const state = (one: Aside) => (stamps === undefined ? undefined : isAsSent(stamps, one.name, one));
    const doubtful = asides.filter((one) => state(one) !== true);
    const changed = new Set(doubtful.filter((one) => state(one) === false).map(({ name }) => name));
    try {
      const kept = doubtful.length === 0 ? [] : await this.keep(connections, doubtful, signal);
      if (asides.length > 0) this.journal.settle(this.id);
      this.journal.note(root, names, since);
      return this.remarks(kept.filter((name) => changed.has(name)));
    } catch (error) {
      // All of it stays there, and the next synchronisation keeps it.
      if (error instanceof SshFailure) return [];
      throw error;
    }
  }

  private async keep(connections: Connections, asides: readonly Aside[], signal: AbortSignal): Promise<string[]> {
    const all = asides.map(({ name }) => name);
    const names = Buffer.byteLength(shellWords(all)) > LONGEST_LIST ? [] : all;
    const command = scriptCommand('keep', scriptText('keep'), [...this.paths, this.id, ...names]);
    const { stdout } = await connections.run(this.vm, { what: 'keep', command, signal, limit: LARGEST_ANSWER });
    return stdout
      .split('\0')
      .filter((name) => name !== '')
      .sort();
  }

  private remarks(names: readonly string[]): string[] {
    if (names.length === 0) return [];
    const shown = names.slice(0, MOST_NAMED).map(visibleName).join(', ');
    const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
    return [
      `changed or made on ${this.vm.name}, and not the same here, so put aside there: ${shown}${more}; ` +
        '`buildfleet fetch --path PATTERN` brings them, and a line in .buildfleetignore leaves them in place',
    ];
  }
}

/** Reads what `assets/cli/receive.sh` lists. */
export function parseAsides(stderr: string): Aside[] {
  return stderr.split('\0').flatMap((part) => {
    const [, seconds, fraction, size, name] = /^aside (\d+)\.(\d{9})\d* (\d+) ([^]+)$/.exec(part) ?? [];
    if (seconds === undefined || fraction === undefined || size === undefined || name === undefined) return [];
    return [{ name, mtime: `${seconds}${fraction}`, size }];
  });
}
