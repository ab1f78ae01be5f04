import { copyFileSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { git, gitFailed, type GitTools, workTreeAround } from './git-paths';
import { holds } from './survey';
import { visibleName } from './visible-name';

/** A repository that is made for a build machine, and how it is sent. */
export interface RepositoryDescription {
  /** Absolute path of the directory that holds it as `.git`; none where there is nothing to describe. */
  readonly directories: readonly string[];
  /** Filter rules of rsync that send it in the place of the project's own. */
  readonly rules: readonly string[];
  readonly remarks: readonly string[];
}

export interface DescriptionRequest {
  /** Absolute path of the project, without symbolic links. It may be a directory in a work tree, or a further one. */
  readonly root: string;
  readonly home: string;
  /** Absolute path of a directory of ours. */
  readonly scratch: string;
}

/** Stands in the index, and in no commit, where the work tree here has changes: git there has no other way to know. */
const EDITED = '.buildfleet-edited';

/**
 * Makes a repository that has as much as `git describe`, `git log` and `git rev-list --count` need: the commits of HEAD,
 * its branch and tags, and names of files, without their contents. It has no remotes, hooks or logs, and a configuration
 * of our own: a list of what in a repository may hold passwords would never be complete. git there does not look at the
 * files, of which some may not be sent; it finds them changed where they are changed here.
 *
 * @throws FleetError `git-failed`
 */
export async function describeRepository(tools: GitTools, request: DescriptionRequest): Promise<RepositoryDescription> {
  const { root, home, scratch } = request;
  const nothing = (remark: string) => ({ directories: [], rules: [], remarks: [`not sent: .git: ${remark}`] });
  const top = workTreeAround(root);
  if (top === undefined) return nothing('there is no repository around the project');
  if (holds(top, home)) return nothing(`the repository in ${visibleName(top)} holds your home`);
  const ask = new Repository(tools, top);
  const head = await ask.line('rev-parse', '--verify', '--quiet', 'HEAD^{commit}');
  if (head === '') return nothing('git has no commit of it, or is not installed');
  const directory = join(scratch, 'described');
  const own = join(directory, '.git');
  for (const name of ['refs', 'objects/pack']) mkdirSync(join(own, name), { recursive: true });
  const branch = await ask.line('symbolic-ref', '--quiet', 'HEAD');
  writeFileSync(join(own, 'HEAD'), branch === '' ? `${head}\n` : `ref: ${branch}\n`);
  writeFileSync(join(own, 'config'), configuration(await ask.line('rev-parse', '--show-object-format')));
  const tags = await ask.tags();
  const refs = [...(branch === '' ? [] : [`${head} ${branch}`]), ...tags.map(({ ref }) => ref)];
  writeFileSync(join(own, 'packed-refs'), ['# pack-refs with: peeled fully-peeled', ...refs, ''].join('\n'));
  const shallow = await ask.copyShallow(join(own, 'shallow'));
  const pack = await ask.pack(join(own, 'objects/pack/pack'), [head, ...tags.map(({ object }) => object)]);
  // The name stands for the content, so what is there need not be sent again.
  const packs = ['pack', 'idx'].map((ending) => `objects/pack/pack-${pack}.${ending}`);
  for (const name of packs) utimesSync(join(own, name), 0, 0);
  await ask.index(join(own, 'index'), await ask.isEdited());
  const names = ['HEAD', 'config', 'packed-refs', 'index', 'refs', 'objects', 'objects/pack', ...packs];
  const rules = [
    // Packs of earlier commits go.
    'R /.git/***',
    'S /.git',
    ...[...names, ...(shallow ? ['shallow'] : [])].map((name) => `S /.git/${name}`),
    'H /.git/***',
  ];
  return { directories: [directory], rules, remarks: [] };
}

function configuration(objectFormat: string): string {
  const version = objectFormat === 'sha256' ? 1 : 0;
  const extensions = version === 0 ? '' : `[extensions]\n\tobjectFormat = ${objectFormat}\n`;
  return `[core]\n\trepositoryformatversion = ${version}\n\tbare = false\n${extensions}`;
}

interface Tag {
  readonly object: string;
  /** Lines of `packed-refs`. */
  readonly ref: string;
}

/** A repository that is asked. */
class Repository {
  constructor(
    private readonly tools: GitTools,
    private readonly top: string,
  ) {}

  /** Empty where git finds nothing. */
  async line(...args: string[]): Promise<string> {
    const { stdout, exitCode } = await git(this.tools, this.top, this.top, args);
    return exitCode === 0 ? stdout.trim() : '';
  }

  /** Those that lead to HEAD or to what is behind it, in the order of their names. */
  async tags(): Promise<readonly Tag[]> {
    const format = '--format=%(objectname) %(refname) %(*objectname)';
    const lines = await this.text(['for-each-ref', format, '--merged=HEAD', 'refs/tags']);
    return lines.split('\n').flatMap((line): Tag[] => {
      const [object, name, peeled = ''] = line.split(' ');
      if (object === undefined || name === undefined) return [];
      return [{ object, ref: [`${object} ${name}`, ...(peeled === '' ? [] : [`^${peeled}`])].join('\n') }];
    });
  }

  /** @returns whether the history ends early, and where has been copied */
  async copyShallow(to: string): Promise<boolean> {
    if ((await this.line('rev-parse', '--is-shallow-repository')) !== 'true') return false;
    copyFileSync(join(this.top, await this.line('rev-parse', '--git-path', 'shallow')), to);
    return true;
  }

  /**
   * Packs commits, tags and the directories of HEAD.
   *
   * @returns the digest in the name of the pack
   */
  async pack(to: string, tips: readonly string[]): Promise<string> {
    const list = ['rev-list', '--objects', '--no-object-names', '--filter=tree:0', '--stdin'];
    const history = await this.text(list, { input: `${tips.join('\n')}\n` });
    const tree = await this.text(['rev-parse', 'HEAD^{tree}']);
    const directories = (await this.text(['ls-tree', '-r', '-d', '-z', 'HEAD'])).split('\0').flatMap((entry) => {
      const [, kind, object] = /^\d+ (\w+) (\w+)\t/.exec(entry) ?? [];
      return kind === 'tree' && object !== undefined ? [object] : [];
    });
    const objects = new Set([...history.split('\n'), tree.trim(), ...directories].filter((name) => name !== ''));
    return (await this.text(['pack-objects', '--quiet', to], { input: `${[...objects].join('\n')}\n` })).trim();
  }

  /** Writes an index that has the files of HEAD, none of which is looked at. */
  async index(path: string, isEdited: boolean): Promise<void> {
    const variables = { GIT_INDEX_FILE: path };
    await this.text(['read-tree', 'HEAD'], { variables });
    if (isEdited) {
      const empty = (await this.text(['hash-object', '--stdin'], { input: '' })).trim();
      await this.text(['update-index', '--add', '--cacheinfo', `100644,${empty},${EDITED}`], { variables });
    }
    const input = await this.text(['ls-files', '-z'], { variables });
    await this.text(['update-index', '-z', '--skip-worktree', '--stdin'], { variables, input });
  }

  /** Whether files that git tracks are other ones than in HEAD. */
  async isEdited(): Promise<boolean> {
    const status = ['status', '--porcelain', '-z', '--untracked-files=no', '--ignore-submodules=dirty'];
    return (await this.text(status, { variables: await this.withoutFilters() })) !== '';
  }

  /** Programs that the repository's configuration has files pass through, each switched off. */
  private async withoutFilters(): Promise<Readonly<Record<string, string>>> {
    const keys = await git(this.tools, this.top, this.top, [
      'config',
      '-z',
      '--name-only',
      '--get-regexp',
      '^filter\\.',
    ]);
    const programs = keys.stdout.split('\0').filter((key) => key !== '');
    const variables: Record<string, string> = { GIT_CONFIG_COUNT: String(programs.length) };
    for (const [index, key] of programs.entries()) {
      variables[`GIT_CONFIG_KEY_${index}`] = key;
      variables[`GIT_CONFIG_VALUE_${index}`] = key.endsWith('.required') ? 'false' : '';
    }
    return variables;
  }

  private async text(args: readonly string[], changes?: Parameters<typeof git>[4]): Promise<string> {
    const { stdout, stderr, exitCode } = await git(this.tools, this.top, this.top, args, changes);
    if (exitCode !== 0) throw gitFailed(this.top, stderr, 'try `git describe --always` there, or leave out --with-git');
    return stdout;
  }
}
