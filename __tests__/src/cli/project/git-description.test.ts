import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describeRepository } from '../../../../src/cli/project/git-description';
import { run } from '../../../../src/process/run';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { describeWithTools } from '../../../support/tools';

describeWithTools(['git'], 'a repository made for a build machine', () => {
  let home: string;
  let top: string;
  let scratches = 0;

  beforeEach(() => {
    home = realpathSync(temporaryDirectory());
    top = join(home, 'mono');
    mkdirSync(top);
    git(top, 'init', '-q', '-b', 'main');
    write('app/Main.hs', 'one');
    write('ü name/x', 'secret content');
    git(top, 'add', '.');
    commit('first');
    git(top, 'tag', '-a', 'v1.0', '-m', 'one');
    write('app/Main.hs', 'two');
    git(top, 'add', '.');
    commit('second');
    git(top, 'tag', 'light');
  });

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    writeFileSync(join(top, path), text);
  }

  function git(directory: string, ...args: string[]): string {
    const env = { ...process.env, GIT_CONFIG_NOSYSTEM: '1', HOME: home };
    const name = ['-c', 'user.name=t', '-c', 'user.email=t@example.org'];
    return execFileSync('git', ['-C', directory, ...name, ...args], { encoding: 'utf8', env }).trim();
  }

  const commit = (message: string) => git(top, 'commit', '-q', '--allow-empty', '-m', message);

  async function made(root = top) {
    const scratch = join(home, `scratch${++scratches}`);
    const description = await describeRepository(
      { run, signal: new AbortController().signal },
      { root, home, scratch },
    );
    return { ...description, directory: description.directories[0] ?? '' };
  }

  const QUESTIONS = [
    ['describe', '--tags', '--long', '--dirty'],
    ['describe', '--always', '--dirty'],
    ['rev-parse', 'HEAD'],
    ['rev-parse', '--abbrev-ref', 'HEAD'],
    ['rev-list', '--count', 'HEAD'],
    ['log', '-1', '--format=%H %cd %an %s'],
  ];

  async function expectSameAnswers(root = top): Promise<void> {
    const { directory } = await made(root);
    for (const question of QUESTIONS) expect(git(directory, ...question)).toBe(git(root, ...question));
    const isClean = git(root, 'status', '--porcelain', '--untracked-files=no') === '';
    expect(git(directory, 'status', '--porcelain', '--untracked-files=no') === '').toBe(isClean);
  }

  test('answers as the original does, and knows whether that has changes', async () => {
    await expectSameAnswers();
    await expectSameAnswers(join(top, 'app'));
    write('app/Main.hs', 'three');
    await expectSameAnswers();
    git(top, 'checkout', '-q', '-f', '--detach', 'v1.0');
    await expectSameAnswers();
    git(top, 'worktree', 'add', '-q', '-b', 'side', join(home, 'further'), 'main');
    await expectSameAnswers(join(home, 'further'));
    git(home, 'clone', '-q', '--depth', '1', '--branch', 'main', `file://${top}`, 'shallow');
    await expectSameAnswers(join(home, 'shallow'));
    git(top, 'pack-refs', '--all');
    git(top, 'gc', '-q');
    await expectSameAnswers();
  });

  test('has no contents of files, and nothing of the configuration, the logs and the hooks', async () => {
    git(top, 'config', 'remote.origin.url', 'https://user:hunter2@example.org/x.git');
    git(top, 'config', 'http.extraHeader', 'Authorization: hunter2');
    write('.git/FETCH_HEAD', 'hunter2');
    write('.git/logs/HEAD', 'pull https://user:hunter2@example.org/x.git');
    write('.git/hooks/pre-commit', 'hunter2');
    const { directory } = await made();
    const names = readdirSync(join(directory, '.git'), { recursive: true }) as string[];
    const files = names.filter((name) => statSync(join(directory, '.git', name)).isFile());
    expect(files.map((name) => name.replace(/[0-9a-f]{40}/, '…')).sort()).toEqual(
      ['HEAD', 'config', 'index', 'objects/pack/pack-….idx', 'objects/pack/pack-….pack', 'packed-refs'].sort(),
    );
    for (const name of files) expect(readFileSync(join(directory, '.git', name), 'latin1')).not.toContain('hunter2');
    const blob = git(top, 'rev-parse', 'HEAD:ü name/x');
    expect(() => git(directory, 'cat-file', '-e', blob)).toThrow();
    expect(git(directory, 'config', '--local', '--list')).toBe('core.repositoryformatversion=0\ncore.bare=false');
  });

  test('is the same each time, so that it is sent once', async () => {
    const [one, other] = [await made(), await made()];
    expect(execFileSync('diff', ['-r', one.directory, other.directory], { encoding: 'utf8' })).toBe('');
    expect(one.rules).toEqual(other.rules);
  });

  test('no program that the repository names is started', async () => {
    const mark = join(home, 'executed');
    write('.gitattributes', '* filter=evil diff=evil\n');
    for (const key of [
      'filter.evil.clean',
      'filter.evil.process',
      'core.fsmonitor',
      'diff.external',
      'diff.evil.command',
    ])
      git(top, 'config', key, `touch ${mark}; cat`);
    git(top, 'config', 'filter.evil.required', 'true');
    write('app/Main.hs', 'three');
    await made();
    expect(existsSync(mark)).toBe(false);
  });

  test('what cannot be described is said', async () => {
    rmSync(join(top, '.git'), { recursive: true });
    expect(await made()).toMatchObject({ rules: [], remarks: [expect.stringContaining('no repository around')] });
    git(top, 'init', '-q');
    expect(await made()).toMatchObject({ rules: [], remarks: [expect.stringContaining('no commit')] });
    git(home, 'init', '-q');
    rmSync(join(top, '.git'), { recursive: true });
    expect(await made()).toMatchObject({ rules: [], remarks: [expect.stringContaining('holds your home')] });
  });
});
