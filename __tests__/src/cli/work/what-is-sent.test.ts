import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { rememberFetched } from '../../../../src/cli/project/fetched';
import type { Sending } from '../../../../src/cli/project/survey';
import type { Connections } from '../../../../src/cli/ssh/connections';
import { sync, type SyncReport } from '../../../../src/cli/work/sync';
import type { FleetVm } from '../../../../src/model/fleet';
import { type Run, run } from '../../../../src/process/run';
import { describeWithTools } from '../../../support/tools';

const VM = { id: 'alpha', name: 'haskell-build-alpha' } as FleetVm;
const WORKSPACE = 'me-app-0123456789ab';

/** Stands in for ssh: a machine whose /build is a directory of ours. */
const SSH = `#!/bin/sh
while [ "$1" != ${VM.name} ]; do shift; done
shift
exec sh -c "$(printf %s "$*" | sed 's,/build/\\(me-\\|[.]buildfleet\\),'"$MACHINE"'/build/\\1,g')"
`;

describeWithTools(['git', 'rsync', 'setpriv'], 'what is sent', () => {
  let directory: string;
  let root: string;
  let workspace: string;
  let home: string;
  let mark: string;

  beforeEach(() => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'buildfleet-sent-')));
    root = join(directory, 'home/work/project');
    home = join(directory, 'home');
    workspace = join(directory, 'machine/build', WORKSPACE);
    mark = join(directory, 'executed');
    mkdirSync(root, { recursive: true });
    mkdirSync(workspace, { recursive: true });
    // as session.sh leaves it
    mkdirSync(join(directory, 'machine/build/.buildfleet'));
    write('Main.hs', 'main = pure ()\n');
    mkdirSync(join(directory, 'bin'));
    writeFileSync(join(directory, 'bin/ssh'), SSH, { mode: 0o755 });
    mkdirSync(join(home, '.ssh'));
    writeFileSync(join(home, '.ssh/id_ed25519'), 'PRIVATE KEY');
  });

  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  function write(path: string, text = ''): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  function link(path: string, target: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    symlinkSync(target, join(root, path));
  }

  const there = (path: string) => join(workspace, path);

  function git(...args: string[]): string {
    return execFileSync('git', ['-C', root, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  function send(
    sending: Partial<Sending> = {},
    environment: Readonly<Record<string, string>> = {},
    project = root,
  ): Promise<SyncReport> {
    const env = {
      ...{ PATH: `${join(directory, 'bin')}:${process.env['PATH']}`, MACHINE: join(directory, 'machine') },
      ...{ HOME: home, XDG_CONFIG_HOME: join(home, '.config'), GIT_CONFIG_NOSYSTEM: '1', ...environment },
    };
    const withStandIn: Run = (file, args, options) => run(file, args, { ...options, env: { ...options?.env, ...env } });
    const connections = {
      options: () => ['-T'],
      run: (_: FleetVm, { command }: { command: string }) => withStandIn('ssh', [VM.name, command]),
    } as unknown as Connections;
    return sync(
      { run: withStandIn, connections },
      {
        ...{ vm: VM, root: project, workspace: WORKSPACE, signal: new AbortController().signal },
        sending: { follow: [], ignored: false, home, ...sending },
        journal: join(directory, 'journal'),
      },
    );
  }

  /** Paths of all that is no directory. */
  function arrived(at = workspace, prefix = ''): string[] {
    return readdirSync(at, { withFileTypes: true })
      .flatMap((entry) =>
        entry.isDirectory() ? arrived(join(at, entry.name), `${prefix}${entry.name}/`) : [`${prefix}${entry.name}`],
      )
      .sort();
  }

  const everythingThere = () =>
    arrived()
      .map((path) => readFileIfAny(there(path)))
      .join('\n');

  function readFileIfAny(path: string): string {
    return lstatSync(path).isFile() ? readFileSync(path, 'utf8') : '';
  }

  describe('links', () => {
    test.each([
      ['up and out', 'logo.svg', '../../.ssh/id_ed25519'],
      ['absolute', 'logo.svg', 'HOME/.ssh/id_ed25519'],
      ['to a directory', 'assets', '../../.ssh'],
      ['in a directory of any name', 'odd \n*[x]\\/logo', 'HOME/.ssh/id_ed25519'],
    ])('that lead out are named and not followed: %s', async (_, path, target) => {
      link(path, target.replace('HOME', home));
      const { remarks } = await send();
      expect(everythingThere()).not.toContain('PRIVATE');
      expect(arrived()).toEqual(['Main.hs']);
      expect(remarks).toHaveLength(1);
      expect(remarks[0]).toMatch(/^not sent: .*: leads out of the project, to .*\/\.ssh.*; --follow .* sends it$/);
      expect(remarks[0]).not.toContain('\n');
    });

    test('a chain of links leads nowhere on the machine', async () => {
      link('one', 'two');
      link('two', 'sub/three');
      link('sub/three', '../../../.ssh/id_ed25519');
      link('keys', '../../.ssh');
      link('through', 'keys/id_ed25519');
      const { remarks } = await send();
      expect(everythingThere()).not.toContain('PRIVATE');
      expect(remarks.filter((line) => line.startsWith('not sent: '))).toHaveLength(2);
      expect(readlinkSync(there('one'))).toBe('two');
    });

    test('what was sent of one before is deleted', async () => {
      writeFileSync(there('logo.svg'), 'PRIVATE KEY');
      link('logo.svg', '../../.ssh/id_ed25519');
      await send();
      expect(arrived()).toEqual(['Main.hs']);
    });

    test.each([
      ['to what is not there', 'result', '/nix/store/none-app', /leads to what is not there, \/nix\/store\/none-app$/],
      ['in a circle', 'circle', '../project/circle', /leads in a circle$/],
      ['to a device', 'plan.json', '/dev/zero', /leads to what is no file$/],
      ['to a directory that holds it', 'sub/all', '/', /leads to a directory that holds it$/],
      ['to the project', 'here', 'ROOT', /leads to a directory that holds it$/],
    ])('%s is named, and the rest is sent', async (_, path, target, remark) => {
      link(path, target.replace('ROOT', root));
      const { remarks } = await send({ follow: ['/'] });
      expect(arrived()).toEqual(['Main.hs']);
      expect(remarks).toEqual([expect.stringMatching(remark)]);
    });

    test('names are shown without what controls a terminal', async () => {
      link('a\u001b]0;owned\u0007\u009b2J\nsent: b', '/no/such/\u001b[31mplace');
      const { remarks } = await send();
      expect(remarks).toEqual([
        expect.stringMatching(/^not sent: a\\u\{1b\}\]0;owned\\u\{7\}\\u\{9b\}2J\\u\{a\}sent: b: /),
      ]);
      expect(remarks.join('')).not.toMatch(/\p{Cc}/u);
    });

    test('that are allowed are sent as what they lead to, and named', async () => {
      link('key', '../../.ssh/id_ed25519');
      mkdirSync(join(home, 'shared/deep'), { recursive: true });
      writeFileSync(join(home, 'shared/deep/a.txt'), 'shared', { mode: 0o640 });
      symlinkSync('deep/a.txt', join(home, 'shared/inside'));
      symlinkSync('../.ssh', join(home, 'shared/out'));
      symlinkSync('../shared', join(home, 'shared/self'));
      link('data/shared', '../../../shared');
      const { remarks } = await send({ follow: [join(home, 'shared')] });
      expect(arrived()).toEqual(['Main.hs', 'data/shared/deep/a.txt', 'data/shared/inside']);
      expect(readFileSync(there('data/shared/inside'), 'utf8')).toBe('shared');
      expect(statSync(there('data/shared/deep/a.txt')).mtimeMs).toBeCloseTo(
        statSync(join(home, 'shared/deep/a.txt')).mtimeMs,
        -1,
      );
      expect(remarks.toSorted()).toEqual([
        expect.stringMatching(/^not sent: data\/shared\/out: leads out of the project/),
        'not sent: data/shared/self: leads to a directory that holds it',
        expect.stringMatching(/^not sent: key: /),
        `sent as what it leads to: data/shared: ${join(home, 'shared')}`,
      ]);

      // Only what differs travels, and what is gone is deleted.
      expect(await send({ follow: [join(home, 'shared')] })).toMatchObject({ files: 0, deleted: 0 });
      rmSync(join(home, 'shared/deep/a.txt'));
      expect(await send({ follow: [join(home, 'shared')] })).toMatchObject({ files: 0, deleted: 1 });
    });

    test('in a git work tree are followed as far as that goes, but not to what git holds or ignores', async () => {
      const top = join(home, 'work');
      execFileSync('git', ['init', '-q', top]);
      writeFileSync(join(top, '.gitignore'), '.env\nsecrets/\n');
      writeFileSync(join(top, '.env'), 'PRIVATE');
      writeFileSync(join(top, 'LICENSE'), 'free');
      mkdirSync(join(top, 'shared'));
      writeFileSync(join(top, 'shared/.env'), 'PRIVATE');
      writeFileSync(join(top, 'shared/a'), '');
      mkdirSync(join(top, 'secrets/deep'), { recursive: true });
      writeFileSync(join(top, 'secrets/deep/a'), 'PRIVATE');
      link('LICENSE', '../LICENSE');
      link('shared', '../shared');
      link('env', '../.env');
      link('deep', '../secrets/deep');
      link('secret', '../secrets/deep/a');
      link('config', '../.git/config');
      link('key', '../../.ssh/id_ed25519');
      const { remarks } = await send();
      expect(arrived()).toEqual(['LICENSE', 'Main.hs', 'shared/a']);
      expect(remarks.filter((line) => line.startsWith('not sent: '))).toHaveLength(5);
      expect(remarks.filter((line) => line.startsWith('sent as'))).toHaveLength(2);
    });

    test.each(['.git in the home', 'core.worktree'])('%s does not widen what they may lead to', async (how) => {
      if (how === 'core.worktree') {
        git('init', '-q');
        git('config', 'core.worktree', home);
      } else execFileSync('git', ['init', '-q', home]);
      link('logo.svg', '../../.ssh/id_ed25519');
      const { remarks } = await send();
      expect(arrived()).toEqual(['Main.hs']);
      expect(remarks).toEqual([expect.stringMatching(/^not sent: logo.svg: leads out of the project/)]);
    });

    test('that the ignore file names are not spoken of', async () => {
      link('result', '/nix/store/none');
      link('sub/result', '/nix/store/none');
      link('sub/kept', '/nix/store/none');
      write('.buildfleetignore', 'result\n');
      expect((await send()).remarks).toEqual([expect.stringMatching(/^not sent: sub\/kept: /)]);
    });

    test('a file of the project cannot allow them', async () => {
      link('logo.svg', '../../.ssh/id_ed25519');
      for (const name of ['.buildfleetignore', '.buildfleetfollow']) write(name, '!logo.svg\n!*\n');
      await send();
      expect(everythingThere()).not.toContain('PRIVATE');
    });

    test('a file that becomes a link while rsync starts is sent as a link', async () => {
      write('logo.svg', 'a logo');
      const swap = `#!/bin/sh\nrm "${root}/logo.svg"; ln -s ../../.ssh/id_ed25519 "${root}/logo.svg"\nexec ${execFileSync('sh', ['-c', 'command -v rsync'], { encoding: 'utf8' }).trim()} "$@"\n`;
      writeFileSync(join(directory, 'bin/rsync'), swap, { mode: 0o755 });
      await send();
      expect(lstatSync(there('logo.svg')).isSymbolicLink()).toBe(true);
      expect(everythingThere()).not.toContain('PRIVATE');
    });

    test('too much behind them is refused', async () => {
      mkdirSync(join(home, 'large'));
      writeFileSync(join(home, 'large/file'), '');
      truncateSync(join(home, 'large/file'), 2 ** 29 + 1);
      link('large', '../../large');
      await expect(send({ follow: [join(home, 'large')] })).rejects.toMatchObject({ code: 'links-too-large' });
    });
  });

  describe('what git ignores', () => {
    beforeEach(() => {
      git('init', '-q');
    });

    test('is neither sent nor deleted, with nested files, negation, excludes of the repository and of the user', async () => {
      write('.gitignore', '.env\n*.pem\nid_*\n/build-x/\n*.log\n!keep.log\n');
      write('sub/.gitignore', 'local\n!.env\n');
      write('.git/info/exclude', 'scratch\n');
      mkdirSync(join(home, '.config/git'), { recursive: true });
      writeFileSync(join(home, '.config/git/ignore'), 'notes.txt\n');
      for (const path of ['.env', 'a.pem', 'sub/id_rsa', 'build-x/obj', 'a.log', 'keep.log', 'local', 'scratch'])
        write(path, path);
      for (const path of ['notes.txt', 'sub/local', 'sub/.env', 'odd\n[*]\\.pem', 'back\\slash.pem']) write(path, path);
      mkdirSync(there('build-x'));
      writeFileSync(there('build-x/built'), 'there');
      await send();
      expect(arrived()).toEqual(
        ['.gitignore', 'Main.hs', 'build-x/built', 'keep.log', 'local', 'sub/.env', 'sub/.gitignore'].sort(),
      );
      expect(readFileSync(there('build-x/built'), 'utf8')).toBe('there');
    });

    test('is sent when it is tracked, and when cabal needs it', async () => {
      write('.gitignore', 'cabal.project.*\n*.cabal\n*.dat\nout/\n');
      for (const path of ['cabal.project.local', 'cabal.project.freeze', 'app.cabal', 'sub/lib.cabal']) write(path);
      for (const path of ['tracked.dat', 'other.dat', 'out/tracked', 'out/other', 'blob.o', 'other.o']) write(path);
      git('add', '-f', 'tracked.dat', 'out/tracked', 'blob.o');
      await send();
      expect(arrived()).toEqual(
        [
          ...['.gitignore', 'Main.hs', 'app.cabal', 'blob.o', 'cabal.project.freeze', 'cabal.project.local'],
          ...['out/tracked', 'sub/lib.cabal', 'tracked.dat'],
        ].sort(),
      );
    });

    test('is sent with the option, or when the ignore file brings it back', async () => {
      write('.gitignore', '.env\n*.pem\nlogs/*.log\nsecret/\n');
      for (const path of ['.env', 'a.pem', 'logs/a.log', 'logs/b.log', 'secret/x']) write(path);
      write('.buildfleetignore', '!.env\n!/logs/a.log\n!secret/\n');
      await send();
      expect(arrived()).toEqual(['.buildfleetignore', '.env', '.gitignore', 'Main.hs', 'logs/a.log', 'secret/x']);
      await send({ ignored: true });
      expect(arrived()).toContain('a.pem');
    });

    test('what built-in rules exclude comes back only by its name, and what is built is never deleted', async () => {
      for (const path of ['A.o', 'vendor/blob.o', 'dist-newstyle/x.hs', '.stack-work/y.hs']) write(path);
      write('.buildfleetignore', '*\n!*/\n!*.hs\n!vendor/blob.o\n!.git\n!.git/**\n');
      git('config', 'remote.origin.url', 'https://user:PRIVATE@example.org');
      write('.git/refs/heads/x', 'ref');
      for (const path of ['dist-newstyle/cache/Gen.hs', '.stack-work/Gen.hs', 'B.o']) {
        mkdirSync(dirname(there(path)), { recursive: true });
        writeFileSync(there(path), 'built');
      }
      await send();
      expect(arrived().filter((path) => !path.startsWith('.git/'))).toEqual(
        ['.stack-work/Gen.hs', 'B.o', 'Main.hs', 'dist-newstyle/cache/Gen.hs', 'vendor/blob.o'].sort(),
      );
      expect(existsSync(there('.git/refs/heads/x'))).toBe(true);
      expect(everythingThere()).not.toContain('PRIVATE');
    });

    test('a submodule has rules of its own', async () => {
      const other = join(directory, 'other');
      execFileSync('git', ['init', '-q', other]);
      writeFileSync(join(other, '.gitignore'), '.env\n');
      writeFileSync(join(other, 'Lib.hs'), '');
      const asMe = ['-c', 'user.name=t', '-c', 'user.email=t@example.org'];
      execFileSync('git', ['-C', other, 'add', '.']);
      execFileSync('git', ['-C', other, ...asMe, 'commit', '-qm', 'one']);
      git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', other, 'lib');
      write('lib/.env', 'PRIVATE');
      write('.gitignore', '*.pem\n');
      write('lib/a.pem');
      await send();
      expect(arrived()).toEqual(
        ['.gitignore', '.gitmodules', 'Main.hs', 'lib/.gitignore', 'lib/Lib.hs', 'lib/a.pem'].sort(),
      );
    });

    test('a project that git ignores as a whole is sent', async () => {
      write('.gitignore', 'scratch/\n');
      write('scratch/app/A.hs');
      write('scratch/app/.env');
      const { remarks } = await send({}, {}, join(root, 'scratch/app'));
      expect(arrived()).toEqual(['.env', 'A.hs']);
      expect(remarks).toEqual([expect.stringMatching(/^git ignores .*scratch\/app as a whole/)]);
    });

    test('the repository runs nothing, and is not written to', async () => {
      write('.gitignore', '.env\n');
      write('.env', 'PRIVATE');
      git('add', '.');
      git('-c', 'commit.gpgsign=false', 'commit', '-qm', 'one');
      const script = join(directory, 'evil');
      writeFileSync(script, `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 });
      for (const key of ['core.fsmonitor', 'core.sshCommand', 'core.pager', 'pager.ls-files', 'filter.evil.clean'])
        git('config', key, script);
      git('config', 'alias.ls-files', `!${script}`);
      git('config', 'filter.evil.process', script);
      write('.gitattributes', '* filter=evil\n');
      for (const hook of ['post-index-change', 'post-checkout', 'fsmonitor-watchman'])
        writeFileSync(join(root, '.git/hooks', hook), `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 });
      write('Main.hs', 'changed');
      const index = readFileSync(join(root, '.git/index'));
      await send();
      expect(existsSync(mark)).toBe(false);
      expect(readFileSync(join(root, '.git/index')).equals(index)).toBe(true);
      expect(arrived()).not.toContain('.env');
    });

    test('objects that are missing are not fetched by a program of the repository', async () => {
      for (const path of ['in/a.hs', 'out/b.hs']) write(path);
      git('add', '.');
      git('-c', 'commit.gpgsign=false', 'commit', '-qm', 'one');
      git('sparse-checkout', 'set', '--cone', '--sparse-index', 'in');
      const script = join(directory, 'evil');
      writeFileSync(script, `#!/bin/sh\ntouch ${mark}\nexit 1\n`, { mode: 0o755 });
      git('config', 'extensions.partialClone', 'origin');
      git('config', 'core.repositoryFormatVersion', '1');
      git('config', 'remote.origin.url', `ext::${script}`);
      git('config', 'remote.origin.promisor', 'true');
      git('config', 'protocol.ext.allow', 'always');
      const tree = git('rev-parse', 'HEAD:out').trim();
      rmSync(join(root, '.git/objects', tree.slice(0, 2), tree.slice(2)), { force: true });
      await send().catch(() => undefined);
      expect(existsSync(mark)).toBe(false);
    });

    test('variables of git that name another repository do not count', async () => {
      write('.gitignore', '.env\n');
      write('.env');
      await send({}, { GIT_DIR: join(directory, 'none'), GIT_WORK_TREE: '/', GIT_INDEX_FILE: '/dev/null' });
      expect(arrived()).toEqual(['.gitignore', 'Main.hs']);
    });

    test('git that fails is an error, and nothing is sent', async () => {
      write('.git/index', 'broken');
      await expect(send()).rejects.toMatchObject({ code: 'git-failed' });
      expect(arrived()).toEqual([]);
      expect(await send({ ignored: true })).toMatchObject({ files: 1 });
    });

    test('without git, and where there is no repository for it, everything is sent and that is said', async () => {
      write('.gitignore', '.env\n');
      write('.env');
      const bin = join(directory, 'bin');
      for (const name of ['env', 'sh', 'rsync', 'setpriv', 'sed'])
        symlinkSync(execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim(), join(bin, name));
      expect((await send({}, { PATH: bin })).remarks).toEqual([
        'git is not installed, so what .gitignore names is sent',
      ]);
      expect(arrived()).toContain('.env');
      rmSync(join(root, '.git/HEAD'));
      expect((await send()).remarks).toEqual([expect.stringMatching(/is no repository to git, so what .gitignore/)]);
    });
  });

  describe('a repository', () => {
    const PASSWORD = 'hunter2';

    beforeEach(() => {
      git('init', '-q');
      git('add', '.');
      git('commit', '-q', '-m', 'first');
      git('tag', 'v1');
      git('config', 'remote.origin.url', `https://user:${PASSWORD}@example.org/x.git`);
      for (const path of ['logs/HEAD', 'hooks/pre-push', 'FETCH_HEAD', 'config.worktree', 'annex/creds/x', 'svn/x'])
        write(`.git/${path}`, PASSWORD);
      for (const path of ['config', 'logs/HEAD', 'hooks/x']) write(`.git/modules/a/b/${path}`, PASSWORD);
      write('.git/modules/a/b/HEAD', 'kept');
    });

    const describeThere = () =>
      execFileSync('git', ['-C', workspace, 'describe', '--tags', '--dirty', '--always'], { encoding: 'utf8' }).trim();

    test('that the ignore file brings back goes without what may hold passwords', async () => {
      write('.buildfleetignore', '!.git\n');
      await send();
      expect(everythingThere()).not.toContain(PASSWORD);
      expect(existsSync(there('.git/modules/a/b/HEAD'))).toBe(true);
      expect(describeThere()).toBe('v1');
    });

    test('is described there with --with-git, and only what is needed for that is sent', async () => {
      await send({ git: true });
      expect(describeThere()).toBe('v1');
      expect(everythingThere()).not.toContain(PASSWORD);
      expect(await send({ git: true })).toMatchObject({ deleted: 0 });
      write('Main.hs', 'changed');
      await send({ git: true });
      expect(describeThere()).toBe('v1-dirty');
      git('commit', '-q', '-a', '-m', 'second');
      await send({ git: true });
      expect(describeThere()).toMatch(/^v1-1-g[0-9a-f]+$/);
      // One commit's pack takes the place of that of the one before.
      expect(arrived().filter((path) => path.endsWith('.pack'))).toHaveLength(1);
      expect(arrived().filter((path) => !path.startsWith('.git/objects/pack/'))).toEqual(
        ['.git/HEAD', '.git/config', '.git/index', '.git/packed-refs', 'Main.hs'].sort(),
      );
    });

    test('around the project, and of a further work tree, is described where the ignore file brings it back', async () => {
      write('pkg/.buildfleetignore', '!.git\n');
      write('pkg/Lib.hs');
      await send({}, {}, join(root, 'pkg'));
      expect(describeThere()).toBe('v1');
      const further = join(home, 'work/further');
      git('worktree', 'add', '-q', further);
      writeFileSync(join(further, '.buildfleetignore'), '!.git\n');
      await send({}, {}, further);
      expect(describeThere()).toBe('v1');
      expect(everythingThere()).not.toContain(PASSWORD);
    });
  });

  describe('the ignore file', () => {
    test('is not read through a link: its lines go to the machine', async () => {
      link('.buildfleetignore', '../../.ssh/id_ed25519');
      await expect(send()).rejects.toMatchObject({ code: 'ignore-file-refused' });
    });

    test('must be a file that a person could have written', async () => {
      link('.buildfleetignore', '/dev/zero');
      await expect(send()).rejects.toMatchObject({ code: 'ignore-file-refused' });
      rmSync(join(root, '.buildfleetignore'));
      execFileSync('mkfifo', [join(root, '.buildfleetignore')]);
      await expect(send()).rejects.toMatchObject({ code: 'ignore-file-refused' });
      rmSync(join(root, '.buildfleetignore'));
      write('.buildfleetignore', 'x\n'.repeat(200_000));
      await expect(send()).rejects.toMatchObject({ code: 'ignore-file-refused' });
    });
  });

  describe('what was fetched or built here', () => {
    test.each(['result', 'src/result', 'out of it/all'])('is neither sent nor deleted there: %s', async (place) => {
      write(`${place}/.buildfleet-fetched`);
      write(`${place}/bin/app`, 'fetched');
      mkdirSync(there(`${place}/bin`), { recursive: true });
      writeFileSync(there(`${place}/bin/other`), 'of a test there');
      await send();
      expect(arrived()).toEqual([`Main.hs`, `${place}/bin/other`]);
    });

    test('is not sent from among other files, until it is changed here', async () => {
      write('out/mine', 'mine');
      write('out/bin/app', 'fetched');
      rememberFetched(join(root, 'out'), [join(root, 'out/bin/app')]);
      await send();
      expect(arrived()).toEqual(['Main.hs', 'out/mine']);
      write('out/bin/app', 'changed since');
      await send();
      expect(arrived()).toEqual(['Main.hs', 'out/bin/app', 'out/mine']);
    });

    test('a mark in the project’s root leaves out what it names, and not the project', async () => {
      write('.buildfleet-fetched');
      await send();
      expect(arrived()).toEqual(['Main.hs']);
    });

    test('a directory that cabal has built in here is not sent over that of the VM', async () => {
      write('dist-x/cache/improved-plan');
      write('dist-x/build/Main.o', 'here');
      mkdirSync(there('dist-x/cache'), { recursive: true });
      writeFileSync(there('dist-x/cache/improved-plan'), 'there');
      await send();
      expect(arrived()).toEqual(['Main.hs', 'dist-x/.buildfleet-built', 'dist-x/cache/improved-plan']);
    });
  });

  describe('what was changed or made there', () => {
    const kept = (path: string) => join(directory, 'machine/build/.buildfleet', `${WORKSPACE}.kept`, path);
    const keptFiles = () => {
      const books = join(directory, 'machine/build/.buildfleet');
      return arrived(books).filter((path) => path.includes('.kept/'));
    };

    test('is put aside and named when a sync replaces or deletes it', async () => {
      write('golden/out.txt', 'expected');
      await send();
      writeFileSync(there('golden/out.txt'), 'accepted there');
      writeFileSync(there('cabal.project.freeze'), 'constraints: any.base ==4.18');
      const { remarks } = await send();
      expect(readFileSync(there('golden/out.txt'), 'utf8')).toBe('expected');
      expect(existsSync(there('cabal.project.freeze'))).toBe(false);
      expect(readFileSync(kept('golden/out.txt'), 'utf8')).toBe('accepted there');
      expect(existsSync(kept('cabal.project.freeze'))).toBe(true);
      expect(remarks).toEqual([
        'changed or made on haskell-build-alpha, and not the same here, so put aside there: cabal.project.freeze, ' +
          'golden/out.txt; `buildfleet fetch --path PATTERN` brings them, and a line in .buildfleetignore leaves them in place',
      ]);
      expect((await send()).remarks).toEqual([]);
    });

    test('is told from what is changed, renamed or deleted here', async () => {
      write('odd \n*name/Old.hs', 'old');
      write('Gone.hs');
      await send();
      for (const text of ['one', 'two and more']) {
        write('Main.hs', text);
        rmSync(join(root, 'Gone.hs'), { force: true });
        renameSync(join(root, 'odd \n*name/Old.hs'), join(root, 'odd \n*name/New.hs'));
        expect((await send()).remarks).toEqual([]);
        renameSync(join(root, 'odd \n*name/New.hs'), join(root, 'odd \n*name/Old.hs'));
        expect((await send()).remarks).toEqual([]);
      }
      expect(keptFiles()).toEqual([]);
    });

    test('is not kept when it is the same as here', async () => {
      write('golden/out.txt', 'expected');
      await send();
      writeFileSync(there('golden/out.txt'), 'expected');
      expect((await send()).remarks).toEqual([]);
      expect(keptFiles()).toEqual([]);
    });

    test('is kept without a word where nothing is remembered of what was sent', async () => {
      await send();
      writeFileSync(there('Main.hs'), 'changed there');
      rmSync(join(directory, 'journal'));
      expect((await send()).remarks).toEqual([]);
      expect(readFileSync(kept('Main.hs'), 'utf8')).toBe('changed there');
    });

    test('is kept when the client that would have looked at it was ended', async () => {
      await send();
      const left = join(directory, 'machine/build/.buildfleet', `${WORKSPACE}.aside-0123`);
      mkdirSync(left, { recursive: true });
      writeFileSync(join(left, 'made'), 'there');
      await send();
      expect(readFileSync(kept('made'), 'utf8')).toBe('there');
      await send();
      expect(existsSync(left)).toBe(false);
    });

    test('stays where cabal has built it, under any name that --builddir gives', async () => {
      for (const path of ['dist-x/cache/improved-plan', 'dist-x/build/Main.o', 'dist/setup-config']) {
        mkdirSync(dirname(there(path)), { recursive: true });
        writeFileSync(there(path), 'built');
      }
      await send();
      await send();
      expect(arrived()).toEqual(
        expect.arrayContaining(['Main.hs', 'dist-x/build/Main.o', 'dist-x/cache/improved-plan', 'dist/setup-config']),
      );
    });
  });
});
