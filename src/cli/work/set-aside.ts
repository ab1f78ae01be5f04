import { randomBytes } from 'node:crypto';
import type { FleetVm } from '../../model/fleet';
import { shellWords } from '../../rendering/shell-word';
import { SshFailure } from '../../ssh/failure';
import { booksPath, workspacePath } from '../project/workspace';
import { visibleName } from '../project/visible-name';
import type { Connections } from '../ssh/connections';
import { scriptCommand } from '../ssh/remote-command';
import { scriptText } from './script';
import { isAsSent, type Sent, SentJournal } from './sent-journal';

/** Another command has sent since this one looked: what it knows of files here, and of those there, is not so any more. */
export class SentMeanwhile extends Error {
  constructor() {
    super('another command has sent meanwhile');
  }
}

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

/** Runs that are looked through at once. */
const MOST_RUNS = 16;

/** Largest list of kept files, in bytes. */
const LARGEST_ANSWER = 4 * 2 ** 20;

/**
 * What a synchronisation replaces or deletes is put aside on the VM in one step with that, which costs nothing. Of it is
 * kept what the VM had changed or made, because that is nowhere else; `fetch --path` brings it.
 */
export class SetAside {
  private readonly id = randomBytes(6).toString('hex');
  private readonly journal: SentJournal;
  private readonly version: string | undefined;
  private readonly before: Sent | undefined;

  /** @param journalPath see {@link SentJournal}; undefined: all is kept, and nothing said */
  constructor(
    private readonly vm: FleetVm,
    private readonly workspace: string,
    journalPath: string | undefined,
  ) {
    this.journal = new SentJournal(journalPath);
    this.version = this.journal.version();
    this.before = this.journal.read();
  }

  private get paths(): readonly [workspace: string, books: string] {
    return [workspacePath(this.workspace), booksPath(this.workspace)];
  }

  /** Options of rsync. */
  get options(): string[] {
    const args = [...this.paths, this.id, this.before?.settled.join(' ') ?? ''];
    return [
      ...['--backup', `--backup-dir=${this.paths[1]}.aside-${this.id}`],
      `--rsync-path=receive() {\n${scriptText('receive')}}; receive ${shellWords(args)} rsync`,
    ];
  }

  /**
   * The workspace is held, and files are about to be sent.
   *
   * @throws SentMeanwhile where another command has sent since this was made
   */
  begin(): void {
    if (this.journal.version() !== this.version) throw new SentMeanwhile();
    this.journal.begin(this.id);
  }

  /**
   * Keeps what the VM had changed.
   *
   * @param stderr of each rsync, the last one last
   * @param names of the files that were sent, relative to `root`
   * @param since when the last sending began, in ms
   * @returns what people have to know, one line each
   */
  async settle(
    connections: Connections,
    stderr: readonly string[],
    { root, names, since, signal }: { root: string; names: readonly string[]; since: number; signal: AbortSignal },
  ): Promise<string[]> {
    const listed = stderr.at(-1) ?? '';
    const stamps = this.stampsAfter(stderr.flatMap((text) => runsIn(text, 'after')));
    const asides = parseAsides(listed);
    const state = (one: Aside) => (stamps === undefined ? undefined : isAsSent(stamps, one.name, one));
    const doubtful = asides.filter((one) => state(one) !== true);
    const changed = new Set(doubtful.filter((one) => state(one) === false).map(({ name }) => name));
    const left = runsIn(listed, 'left');
    try {
      for (const run of left) await this.keep(connections, run, [], signal);
      const kept = doubtful.length === 0 ? [] : await this.keep(connections, this.id, doubtful, signal);
      const settled = [...left, ...(asides.length > 0 ? [this.id] : [])];
      this.journal.end(this.id, { root, names: stamps === undefined ? undefined : names, since }, settled);
      return this.remarks(kept.filter((name) => changed.has(name)));
    } catch (error) {
      // All of it stays there, and the next synchronisation keeps it.
      if (error instanceof SshFailure) return [];
      throw error;
    }
  }

  /**
   * What is noted of files as they were sent last. Undefined where the notes may lack some: of a run that came to no end,
   * or that has noted elsewhere, as a command without this XDG_RUNTIME_DIR does.
   *
   * @param senders the runs that had sent before, as the VM knows it
   */
  private stampsAfter(senders: readonly string[]): Sent['stamps'] | undefined {
    const { before, id } = this;
    if (before?.isWhole !== true) return undefined;
    return senders.every((run) => run === before.last || run === id) ? before.stamps : undefined;
  }

  /** @param asides none: all that the run has put aside */
  private async keep(
    connections: Connections,
    run: string,
    asides: readonly Aside[],
    signal: AbortSignal,
  ): Promise<string[]> {
    const all = asides.map(({ name }) => name);
    const names = Buffer.byteLength(shellWords(all)) > LONGEST_LIST ? [] : all;
    const command = scriptCommand('keep', scriptText('keep'), [...this.paths, run, ...names]);
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

function runsIn(stderr: string, word: 'left' | 'after'): string[] {
  const runs = stderr.split('\0').filter((part) => part.startsWith(`${word} `) && /^\w+ [0-9a-f]{0,12}$/.test(part));
  return runs.slice(0, MOST_RUNS).map((part) => part.slice(word.length + 1));
}
