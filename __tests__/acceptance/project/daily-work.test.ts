import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { chmodSync, lstatSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { shellWords } from '../../../src/rendering/shell-word';
import { syncedSchema } from '../../../src/cli/work/report';
import { run } from '../../../src/process/run';
import { BuildfleetProcess, buildfleet } from '../../support/buildfleet';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { describeAsRoot, WORK_TOOLS, WorkFleet } from './support/work-fleet';

jest.setTimeout(120_000);

const CLI = join(__dirname, '../../../bin/buildfleet');

describeAsRoot('work on stand-in machines (needs root)', () => {
  describeWithTools([...WORK_TOOLS, 'script', 'git'], 'with real tools', () => {
    let fleet: WorkFleet;

    beforeAll(async () => {
      fleet = await WorkFleet.create('alpha', 'beta');
    });

    afterAll(() => fleet.dispose());

    afterEach(() => fleet.untilQuiet());

    const makeProject = (files?: Readonly<Record<string, string>>) => fleet.makeProject(files);
    const cli = (cwd: string, ...args: string[]) => fleet.cli(cwd, ...args);
    const workspaceOf = (root: string, id?: string) => fleet.workspaceOf(root, id);
    const listing = async (root: string) =>
      (await run('find', ['.', '-printf', '%P %y %s %l\\0'], { cwd: root })).stdout.split('\0').sort();

    test('sync makes the workspace equal to the project, for all names of files', async () => {
      const root = makeProject({
        'a b/c d.hs': '1',
        '-rf': '2',
        'new\nline': '3',
        'ünï/日本.hs': '4',
        "it's $(x) *?[a]": '5',
        empty: '',
      });
      symlinkSync('Main.hs', join(root, 'inside'));
      symlinkSync('../nowhere', join(root, 'a b/within'));
      mkdirSync(join(root, 'locked'));
      writeFileSync(join(root, 'locked/file'), 'x', { mode: 0o444 });
      chmodSync(join(root, 'locked'), 0o555);
      expect((await cli(root, 'sync', '--vm', 'alpha')).exitCode).toBe(0);
      expect(await listing(workspaceOf(root))).toEqual(await listing(root));

      chmodSync(join(root, 'locked'), 0o755);
      rmSync(join(root, 'locked'), { recursive: true });
      rmSync(join(root, '-rf'));
      writeFileSync(join(root, 'Main.hs'), 'two!');
      const { stdout } = await cli(root, 'sync', '--vm', 'alpha', '--json');
      expect(syncedSchema.parse(JSON.parse(stdout.toString()))).toMatchObject({
        vm: 'haskell-build-alpha',
        files: 1,
        bytes: 4,
        deleted: 3,
      });
      expect(await listing(workspaceOf(root))).toEqual(await listing(root));
    });

    test('what is built or ignored is neither sent nor deleted', async () => {
      const root = makeProject({
        '.git/HEAD': '',
        'dist-newstyle/here': '',
        'sub/.stack-work/x': '',
        'A.o': '',
        'sub/A.hi': '',
        '.buildfleetignore': '*.log\n!keep.log\n/only-here\n',
        'a.log': '',
        'sub/keep.log': '',
        'only-here/x': '',
        'sub/only-here': '',
      });
      await cli(root, 'build', '--vm', 'alpha');
      const workspace = workspaceOf(root);
      writeFileSync(join(workspace, 'b.log'), 'of the machine');
      writeFileSync(join(workspace, 'stray'), '');
      await cli(root, 'sync', '--vm', 'alpha');
      const names = (await run('find', ['.', '-type', 'f', '-printf', '%P\\n'], { cwd: workspace })).stdout;
      expect(names.trim().split('\n').sort()).toEqual([
        '.buildfleetignore',
        'Main.hs',
        'app.cabal',
        'b.log',
        'dist-newstyle/build/app/app',
        'dist-newstyle/cache/plan.json',
        'sub/keep.log',
        'sub/only-here',
      ]);
    });

    test('links out of the project are named, and sent as what they lead to when that is allowed', async () => {
      const root = makeProject();
      const outside = join(fleet.directory, 'outside.txt');
      writeFileSync(outside, 'from outside');
      symlinkSync(outside, join(root, 'absolute'));
      symlinkSync('../../outside.txt', join(root, 'relative'));
      symlinkSync('../..', join(root, 'endless [x]'));
      symlinkSync('/nix/store/none', join(root, 'result'));
      const kept = await cli(root, 'build', '--vm', 'alpha');
      expect(kept.exitCode).toBe(0);
      expect(kept.stderr).toContain(`not sent: absolute: leads out of the project, to ${outside}; --follow ${outside}`);
      expect(kept.stderr).toContain('not sent: endless [x]: leads to a directory that holds it\n');
      expect(kept.stderr).toContain('not sent: result: leads to what is not there, /nix/store/none\n');
      const workspace = workspaceOf(root);
      expect(readdirSync(workspace).sort()).toEqual(['Main.hs', 'app.cabal', 'dist-newstyle']);

      const followed = await cli(root, 'sync', '--vm', 'alpha', '--follow', '../../outside.txt');
      expect(followed.stderr).toContain(`sent as what it leads to: relative: ${outside}\n`);
      for (const name of ['absolute', 'relative']) {
        expect(lstatSync(join(workspace, name)).isFile()).toBe(true);
        expect(readFileSync(join(workspace, name), 'utf8')).toBe('from outside');
      }
      rmSync(join(root, 'absolute'));
      const config = join(fleet.directory, 'config');
      mkdirSync(join(config, 'buildfleet'), { recursive: true });
      writeFileSync(join(config, 'buildfleet/follow'), `# mine\n${fleet.directory}/outside.txt\n`);
      const env = { ...fleet.environment, XDG_CONFIG_HOME: config };
      expect((await buildfleet(['sync', '--vm', 'alpha'], { cwd: root, env })).exitCode).toBe(0);
      expect(readdirSync(workspace).sort()).toEqual(['Main.hs', 'app.cabal', 'dist-newstyle', 'relative']);
      const missing = await cli(root, 'sync', '--vm', 'alpha', '--follow', 'missing');
      expect(missing.exitCode).toBe(2);
    });

    test('what git ignores is not sent by any command, unless asked for', async () => {
      const root = makeProject({ '.gitignore': '.env\n', '.env': 'secret', 'sub/.env': 'secret' });
      await run('git', ['init', '-q', root]);
      const names = () => readdirSync(workspaceOf(root)).sort();
      for (const command of [['sync'], ['build'], ['exec', '--project', '.']]) {
        const { exitCode } = await cli(
          root,
          ...command,
          '--vm',
          'alpha',
          ...(command[0] === 'exec' ? ['--', 'true'] : []),
        );
        expect(exitCode).toBe(0);
        expect(names()).not.toContain('.env');
      }
      await cli(root, 'sync', '--vm', 'alpha', '--send-ignored');
      expect(names()).toContain('.env');
      expect(readFileSync(join(workspaceOf(root), 'sub/.env'), 'utf8')).toBe('secret');
    });

    test('a project may have every name that a directory can have', async () => {
      const root = fleet.makeProject({}, '-o a:b\n*.ü');
      const { stdout, exitCode } = await cli(root, 'build', '--vm', 'alpha');
      expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 0, stdout: 'cabal build all\n' });
      const names = readdirSync(join(fleet.directory, 'alpha/build')).filter((name) =>
        /-o-a-b-u-[0-9a-f]{12}$/.test(name),
      );
      expect(names).toHaveLength(1);
    });

    test('what is no file is left out and named, and a directory with builds in it makes no way for a file', async () => {
      const root = makeProject({ 'sub/A.hs': '' });
      await run('mkfifo', [join(root, 'pipe')]);
      const { stderr } = await cli(root, 'sync', '--vm', 'alpha');
      expect(stderr).toBe('not sent: skipping non-regular file "pipe"\n');

      writeFileSync(join(workspaceOf(root), 'sub/A.o'), 'built');
      rmSync(join(root, 'sub'), { recursive: true });
      writeFileSync(join(root, 'sub'), 'a file');
      const refused = await cli(root, 'sync', '--vm', 'alpha');
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr.trim().split('\n').at(-1)).toMatch(
        /there is a directory in the place of sub, and what was built in it/,
      );
      const [, remedy = ''] = /`buildfleet (exec alpha -- rm -r -- \S+)`$/m.exec(refused.stderr) ?? [];
      await cli(root, ...remedy.split(' '));
      expect((await cli(root, 'sync', '--vm', 'alpha')).exitCode).toBe(0);
      expect(readFileSync(join(workspaceOf(root), 'sub'), 'utf8')).toBe('a file');
    });

    test('a file of 2 GB and 50,000 small ones', async () => {
      const root = makeProject();
      writeFileSync(join(root, 'large'), '');
      truncateSync(join(root, 'large'), 2 ** 31 + 1);
      for (let folder = 0; folder < 100; folder++) {
        mkdirSync(join(root, `many/${folder}`), { recursive: true });
        for (let file = 0; file < 500; file++) writeFileSync(join(root, `many/${folder}/${file}.hs`), String(file));
      }
      const { stdout, exitCode } = await cli(root, 'sync', '--vm', 'alpha', '--json');
      expect(exitCode).toBe(0);
      expect(JSON.parse(stdout.toString())).toMatchObject({ files: 50_003 });
      expect(statSync(join(workspaceOf(root), 'large')).size).toBe(2 ** 31 + 1);
      rmSync(join(root, 'large'));
      rmSync(join(root, 'many'), { recursive: true });
      await cli(root, 'sync', '--vm', 'alpha');
      expect(readdirSync(workspaceOf(root)).sort()).toEqual(['Main.hs', 'app.cabal']);
    }, 300_000);

    test.each([[''], ['/'], ['..'], [process.env['HOME'] ?? '/root'], ['missing']])(
      'project %j is refused before anything is sent or deleted',
      async (option) => {
        const root = makeProject();
        await cli(root, 'sync', '--vm', 'alpha');
        const before = readdirSync(join(fleet.directory, 'alpha/build'));
        const { exitCode, stderr } = await cli(root, 'sync', '--vm', 'alpha', option);
        expect([2, 3]).toContain(exitCode);
        expect(stderr.trim().split('\n')).toHaveLength(1);
        expect(readdirSync(join(fleet.directory, 'alpha/build'))).toEqual(before);
        expect(readdirSync(workspaceOf(root)).sort()).toEqual(['Main.hs', 'app.cabal']);
      },
    );

    test('a workspace that leads elsewhere is refused before anything is sent or deleted', async () => {
      const root = makeProject();
      await cli(root, 'sync', '--vm', 'alpha');
      const [workspace, elsewhere] = [workspaceOf(root), join(fleet.directory, 'of-others')];
      renameSync(workspace, elsewhere);
      writeFileSync(join(elsewhere, 'stray'), '');
      symlinkSync(elsewhere, workspace);
      const { exitCode, stderr } = await cli(root, 'sync', '--vm', 'alpha');
      expect(stderr).toMatch(
        /^buildfleet: haskell-build-alpha does not open the workspace: \/build\/\S+ is not a directory: /,
      );
      expect(exitCode).toBe(1);
      expect(readdirSync(elsewhere).sort()).toEqual(['Main.hs', 'app.cabal', 'stray']);
    });

    test('commands run in the workspace, with input, exit code and arguments as they are', async () => {
      const root = makeProject({ 'cabal.project': '', 'sub/sub.cabal': '', 'sub/src/x': '' });
      const forCabal = ['--vm', 'alpha', '--', 'exe:app', '--ghc-options=-O2 -Wall'];
      const built = await cli(join(root, 'sub/src'), 'build', ...forCabal);
      expect(built.stdout.toString()).toBe('cabal build exe:app --ghc-options=-O2 -Wall\n');
      // in the package that holds the working directory
      expect(existsSync(join(workspaceOf(root), 'sub/dist-newstyle'))).toBe(true);
      expect((await cli(root, 'test', '--vm', 'alpha')).exitCode).toBe(7);
      const repl = await buildfleet(['repl', '--vm', 'alpha'], { cwd: root, env: fleet.environment, input: ':quit\n' });
      expect(repl.stdout.toString()).toBe('cabal repl\n:quit\n');
      for (const code of [0, 3, 254, 255]) {
        const { exitCode } = await cli(
          root,
          'exec',
          '--project',
          '.',
          '--vm',
          'alpha',
          '--',
          'sh',
          '-c',
          `exit ${code}`,
        );
        expect(exitCode).toBe(code);
      }
      const { stdout } = await cli(
        root,
        'exec',
        '--project',
        root,
        '--vm',
        'alpha',
        '--',
        'sh',
        '-c',
        'pwd; cat "$1"',
        '-',
        'Main.hs',
      );
      expect(stdout.toString()).toMatch(/^\/build\/\S+-app\d+-[0-9a-f]{12}\none$/);
    });

    test('targets, arguments of a program, and compilers are cabal’s, and what cannot be built is said before', async () => {
      const root = makeProject({ 'core/core.cabal': '' });
      const called = async (...args: string[]) => (await cli(root, ...args)).stdout.toString();
      expect(await called('build', '--vm', 'alpha', 'exe:foo', 'lib:x')).toBe('cabal build exe:foo lib:x\n');
      expect(await called('build', '--vm', 'alpha', 'all', '--', '-O0')).toBe('cabal build all -O0\n');
      expect(await called('run', '--vm', 'alpha', 'exe:foo', '--', '--port', '1')).toBe(
        'cabal run exe:foo -- --port 1\n',
      );
      writeFileSync(join(root, 'cabal.project'), 'packages: .\nWith-Compiler: /opt/ghc/9.6.6/bin/ghc\n');
      const path = await cli(root, 'build', '--vm', 'alpha');
      expect(path.stdout.toString()).toBe('cabal build --with-compiler=ghc-9.6.6 all\n');
      expect(path.stderr).toContain(`${root}/cabal.project:2 names a path of this workstation: GHC 9.6.6`);
      const option = await cli(root, 'build', '--vm', 'alpha', '--', '-w', 'ghc-9.99.1');
      expect([option.exitCode, option.stderr]).toEqual([4, expect.stringContaining('and not 9.99.1')]);

      mkdirSync(join(root, '../outside'));
      writeFileSync(join(root, 'cabal.project'), 'packages: . ../outside\n');
      const outside = await cli(root, 'build', '--vm', 'alpha');
      expect([outside.exitCode, outside.stdout.toString()]).toEqual([1, '']);
      expect(outside.stderr).toContain(
        `it consists of ../outside (cabal.project:1): make ${join(root, '..')} the project`,
      );
      expect(readFileSync(join(workspaceOf(root), 'cabal.project'), 'utf8')).not.toContain('outside');
    });

    test('a command has the terminal that we have, with its kind, its size and its colours', async () => {
      const root = makeProject();
      const command = shellWords([
        'sh',
        '-c',
        'test -t 0 && test -t 1 && test -t 2 && stty size && echo "$TERM $NO_COLOR"',
      ]);
      const words = shellWords([CLI, 'exec', '--project', '.', '--vm', 'alpha', '--']);
      const { stdout } = await run('script', ['-qec', `stty cols 97 rows 31; ${words} ${command}`, '/dev/null'], {
        cwd: root,
        env: { ...fleet.environment, TERM: 'xterm-256color', NO_COLOR: '1' },
      });
      expect(stdout).toContain('31 97\r\nxterm-256color 1\r\n');
    });

    test('connections are for this account alone', async () => {
      await cli(makeProject(), 'sync', '--vm', 'alpha');
      const directory = join(fleet.directory, 'run/buildfleet');
      expect(statSync(directory).mode & 0o077).toBe(0);
      const sockets = readdirSync(directory).filter((name) => lstatSync(join(directory, name)).isSocket());
      expect(sockets.length).toBeGreaterThan(0);
      for (const name of sockets) expect(lstatSync(join(directory, name)).mode & 0o077).toBe(0);
    });

    test('a second terminal waits, is told for whom, and goes on', async () => {
      const root = makeProject();
      const first = await fleet.slowBuild(root, '--vm', 'alpha');
      let said = '';
      const second = new BuildfleetProcess(['sync', '--vm', 'alpha'], { cwd: root, env: fleet.environment });
      second.child.stderr.on('data', (text: string) => (said += text));
      await until('the second one says that it waits', 20, () => said.includes('waiting for'));
      expect(said).toMatch(new RegExp(`waiting for \\S+@\\S+, pid ${first.cli.child.pid}, who works on this project`));
      expect(second.child.exitCode).toBeNull();
      first.cli.child.kill('SIGINT');
      await first.cli.finished;
      expect((await second.finished).exitCode).toBe(0);
    });

    test('the least loaded machine is taken, then the one that has the project, and a dead one is waited for once', async () => {
      const root = makeProject();
      const first = await cli(root, 'build');
      expect(first.stderr).toMatch(/^on haskell-build-(alpha|beta): load \d/);
      const taken = /on haskell-build-(\w+)/.exec(first.stderr)?.[1] ?? '';
      const other = taken === 'alpha' ? 'beta' : 'alpha';
      const second = await cli(root, 'build');
      expect(second.stderr).toContain(`on haskell-build-${taken}: load`);
      expect(second.stderr).toContain('has this project');

      await fleet.machines.get(taken)!.dispose();
      try {
        const third = await cli(root, 'build');
        expect(third.exitCode).toBe(0);
        expect(third.stderr).toMatch(new RegExp(`^on haskell-build-${other}: load`));
        expect(third.stderr).toMatch(new RegExp(`not on haskell-build-${taken}: .*Connection refused`));
        expect((await cli(root, 'build')).stderr).toMatch(
          new RegExp(`not on haskell-build-${taken}: did not answer: .*Connection refused.* \\(\\d+ s ago\\)`),
        );
        await fleet.machines.get(other)!.dispose();
        const none = await cli(root, 'build');
        expect(none.exitCode).toBe(4);
        expect(none.stderr).toMatch(
          /no VM can be used: \n {2}haskell-build-alpha: .+: .+\n {2}haskell-build-beta: .+: .+/,
        );
      } finally {
        for (const machine of fleet.machines.values()) await machine.stop().then(() => machine.start());
      }
    });

    test('the machine that built last is taken without asking the others, as long as it will do', async () => {
      const root = makeProject();
      await cli(root, 'build', '--vm', 'alpha');
      const load = join(fleet.directory, 'alpha/build.loadavg');
      const idle = readFileSync(load, 'utf8');
      const alpha = fleet.machines.get('alpha')!;
      let thaw: () => void = () => undefined;
      try {
        expect((await cli(root, 'build')).stderr).toMatch(
          /^on haskell-build-alpha: load 0\.00 .*, has this project\n {2}not on haskell-build-beta: not asked, because alpha will do\n/,
        );
        // No comparison could have given another one.
        expect((await cli(root, 'build', '--ghc', '9.6')).stderr).toContain('not asked, because alpha will do');

        writeFileSync(load, '99.00 99.00 99.00 1/100 1\n');
        const busy = await cli(root, 'build');
        expect(busy.stderr).toMatch(/^on haskell-build-beta: load 0\.00 /);
        expect(busy.stderr).toMatch(/not on haskell-build-alpha: load 99\.00 .*, has this project/);
        writeFileSync(load, idle);

        await cli(root, 'build', '--vm', 'alpha');
        rmSync(fleet.workspaceOf(root), { recursive: true });
        const gone = await cli(root, 'build');
        expect(gone.stderr).toMatch(/^on haskell-build-beta: .*has this project/);
        expect(existsSync(fleet.workspaceOf(root))).toBe(false);

        await cli(root, 'build', '--vm', 'alpha');
        thaw = alpha.freeze();
        const frozen = await cli(root, 'build');
        expect(frozen.exitCode).toBe(0);
        expect(frozen.stderr).toMatch(/^on haskell-build-beta: /);
        expect(frozen.stderr).toMatch(/not on haskell-build-alpha: did not answer: no answer within 2\.5 s/);
      } finally {
        writeFileSync(load, idle);
        thaw();
      }
    });

    test('a GHC that no machine has is told with the way to get it', async () => {
      const root = makeProject({ 'cabal.project': 'packages: .\nwith-compiler: ghc-9.99.1\n' });
      const { stderr, exitCode } = await cli(root, 'build');
      expect(exitCode).toBe(4);
      expect(stderr).toContain('haskell-build-alpha: has GHC 9.6.6, and not 9.99.1');
      // the remedy: its first half is an edit of main.ts, and the other an option
      const instead =
        / toolchain from GHCup in main\.ts.*, or take what is there: (--ghc \S+)$/m.exec(stderr)?.[1] ?? '';
      const taken = await cli(root, 'build', ...instead.split(' '));
      expect(taken.stdout.toString()).toBe('cabal build --with-compiler=ghc-9.6.6 all\n');
      const named = await cli(root, 'build', '--vm', 'beta', '--ghc', '9.99');
      expect([named.exitCode, named.stderr]).toEqual([4, expect.stringContaining(instead)]);
      for (const options of [[], ['--vm', 'beta']]) {
        const given = await cli(root, 'build', '--ghc', '9.6', ...options);
        expect(given.stdout.toString()).toBe('cabal build --with-compiler=ghc-9.6.6 all\n');
      }
    });
  });
});
