import { randomBytes } from 'node:crypto';
import { FleetError } from '../../model/errors';
import { CommandError, type CommandResult, type Run } from '../../process/run';

/** Text of each file of a tree by its path below the tree. */
export type Tree = ReadonlyMap<string, string>;

/** A commit that a revision names. */
export interface Commit {
  /** As it was given: `HEAD~1`. */
  readonly revision: string;
  readonly id: string;
}

const NOT_A_REPOSITORY = /not a git repository|must be run in a work tree/;

/** The git repository around a directory, read without a checkout and without a lock. */
export class Repository {
  private constructor(
    private readonly run: Run,
    private readonly signal: AbortSignal,
    /** Absolute path of its working tree. */
    readonly top: string,
    /** Where the directory lies in it: empty, or with a slash at its end. */
    readonly prefix: string,
  ) {}

  /** @throws FleetError `git-missing`, `not-a-repository` or `git-failed` */
  static async around(directory: string, run: Run, signal: AbortSignal): Promise<Repository> {
    const result = await git(run, ['-C', directory, 'rev-parse', '--show-toplevel', '--show-prefix'], { signal });
    const [top = '', prefix = ''] = result.stdout.split('\n');
    if (result.exitCode === 0 && top !== '') return new Repository(run, signal, top, prefix);
    if (result.exitCode === 0 || NOT_A_REPOSITORY.test(result.stderr)) {
      throw new FleetError({
        code: 'not-a-repository',
        problem: 'this is not the working tree of a git repository, so there is nothing to compare with',
        place: directory,
        remedy: 'run this in the checkout of the project, beside main.ts',
      });
    }
    throw gitFailed(result);
  }

  /** @throws FleetError `revision-unknown` */
  async commit(revision: string): Promise<Commit> {
    const { stdout, exitCode } = await this.git(
      // what begins with a hyphen is no option
      ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`],
      {},
    );
    if (exitCode === 0) return { revision, id: stdout.trim() };
    throw new FleetError({
      code: 'revision-unknown',
      problem: 'git knows no such commit here',
      place: this.top,
      value: revision,
      remedy: 'name a commit, branch or tag that is there, as `git log` does; `git fetch` brings those of others',
    });
  }

  /** Every file of a commit below a directory; symbolic links are the text they hold, submodules are left out. */
  async tree(commit: Commit, directory: string): Promise<Tree> {
    const listing = await this.git(['ls-tree', '-r', '-z', '--full-tree', commit.id, '--', `${directory}/`], {});
    if (listing.exitCode !== 0) throw gitFailed(listing);
    const blobs = listing.stdout.split('\0').flatMap((entry) => {
      const [, id, path] = /^\d+ blob ([0-9a-f]+)\t(.*)$/s.exec(entry) ?? [];
      return id === undefined || path === undefined ? [] : [{ id, path: path.slice(directory.length + 1) }];
    });
    const texts = await this.texts(blobs.map(({ id }) => id));
    return new Map(blobs.map(({ path }, index) => [path, withUnixLines(texts[index] ?? '')]));
  }

  /** One process for all of them. A word that no file can hold separates them: sizes count bytes, and this is text. */
  private async texts(ids: readonly string[]): Promise<readonly string[]> {
    if (ids.length === 0) return [];
    const separator = randomBytes(24).toString('hex');
    const result = await this.git(['cat-file', `--batch=${separator}%(objectname)`], { input: `${ids.join('\n')}\n` });
    const texts = result.stdout
      .split(separator)
      .slice(1)
      .map((part) => part.slice(part.indexOf('\n') + 1, -1));
    if (result.exitCode !== 0 || texts.length !== ids.length) throw gitFailed(result);
    return texts;
  }

  private git(args: readonly string[], options: { readonly input?: string }): Promise<CommandResult> {
    return git(this.run, ['-C', this.top, ...args], { signal: this.signal, ...options });
  }
}

/** Text as git stores it: a checkout may have given it other line ends. */
export function withUnixLines(text: string): string {
  return text.replaceAll('\r\n', '\n');
}

async function git(
  run: Run,
  args: readonly string[],
  options: { readonly signal: AbortSignal; readonly input?: string },
): Promise<CommandResult> {
  try {
    return await run('git', args, { ...options, acceptExitCodes: [0, 1, 128] });
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== 'ENOENT') throw error;
    throw new FleetError({
      code: 'git-missing',
      problem: 'git is not installed',
      remedy: 'install it, `apt-get install git`',
      cause: error,
    });
  }
}

function gitFailed({ stderr, stdout }: CommandResult): FleetError {
  return new FleetError({
    code: 'git-failed',
    problem: `git cannot read the repository: ${firstLine(stderr) || firstLine(stdout) || 'it says nothing'}`,
    remedy: 'try `git status` and `git fsck` there',
  });
}

function firstLine(text: string): string {
  return (text.trim().split('\n')[0] ?? '').replace(/^fatal: /, '');
}
