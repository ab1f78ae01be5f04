import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { chmodSync, lstatSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listProcesses } from '../../../process/process-identity';
import { run } from '../../../process/run';
import { BuildfleetProcess, buildfleet } from '../cli/buildfleet';
import { StandInMachine, writeStandInFleet } from '../cli/stand-in-machine';
import { describeWithTools } from '../support/tools';
import { until } from '../support/until';

jest.setTimeout(120_000);

// Only root can give the stand-ins a /build of their own.
const describeAsRoot = process.getuid?.() === 0 || process.env['CI'] === 'true' ? describe : describe.skip;

describeAsRoot('work on stand-in machines (needs root)', () => {
  describeWithTools(
    ['sshd', 'ssh', 'ssh-keygen', 'rsync', 'unshare', 'setpriv', 'flock', 'script'],
    'with real tools',
    () => {
      let directory: string;
      let state: string;
      let environment: Record<string, string>;
      const machines = new Map<string, StandInMachine>();

      beforeAll(async () => {
        directory = mkdtempSync(join(tmpdir(), 'buildfleet-work-'));
        const bin = join(directory, 'bin');
        mkdirSync(bin);
        copyFileSync(join(__dirname, 'support/fake-cabal'), join(bin, 'cabal'));
        state = join(directory, 'state');
        for (const id of ['alpha', 'beta']) {
          mkdirSync(join(directory, id, 'build'), { recursive: true });
          const machine = await StandInMachine.create(
            join(directory, id),
            { PATH: `${bin}:/usr/bin:/bin` },
            join(directory, id, 'build'),
          );
          machines.set(id, machine);
        }
        // One key for both, as a developer has.
        const [alpha, beta] = [machines.get('alpha')!, machines.get('beta')!];
        copyFileSync(`${alpha.userKey}.pub`, `${beta.userKey}.pub`);
        mkdirSync(join(directory, 'run'), { mode: 0o700 });
        const fleet = writeStandInFleet(state, alpha.userKey, 'http://127.0.0.1:1', [
          { id: 'alpha', port: alpha.port, hostKey: alpha.hostKey },
          { id: 'beta', port: beta.port, hostKey: beta.hostKey },
        ]);
        environment = { BUILDFLEET_FLEET: fleet, XDG_RUNTIME_DIR: join(directory, 'run') };
      });

      afterAll(async () => {
        for (const machine of machines.values()) await machine.dispose();
        rmSync(directory, { recursive: true, force: true });
      });

      afterEach(async () => {
        // What one test has learned of a dead machine is not the next one's.
        for (const name of readdirSync(join(directory, 'run/buildfleet')))
          if (name.startsWith('trouble-')) rmSync(join(directory, 'run/buildfleet', name));
        await until('nothing runs in the workspaces', 15, () => running().length === 0);
      });

      const running = () => listProcesses().filter(({ argv }) => argv.join(' ').includes(join(directory, 'bin/cabal')));

      let projects = 0;
      function makeProject(files: Readonly<Record<string, string>> = {}): string {
        const root = join(directory, `projects/app${++projects}`);
        mkdirSync(root, { recursive: true });
        for (const [name, text] of Object.entries({ 'app.cabal': '', 'Main.hs': 'one', ...files })) {
          mkdirSync(join(root, name, '..'), { recursive: true });
          writeFileSync(join(root, name), text);
        }
        return root;
      }

      const cli = (cwd: string, ...args: string[]) => buildfleet(args, { cwd, env: environment });

      /** Where a machine keeps the project. */
      function workspaceOf(root: string, id = 'alpha'): string {
        const name = root.slice(root.lastIndexOf('/') + 1);
        const found = readdirSync(join(directory, id, 'build')).find((one) => one.includes(`-${name}-`));
        return join(directory, id, 'build', found ?? 'none');
      }

      const listing = async (root: string) =>
        (await run('find', ['.', '-printf', '%P %y %s %l\\0'], { cwd: root })).stdout.split('\0').sort();

      test('sync makes the workspace equal to the project, whatever files are called', async () => {
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
        expect(JSON.parse(stdout.toString())).toMatchObject({
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

      test('a link out of the project is sent as what it leads to, one that never ends is left out and named', async () => {
        const root = makeProject();
        writeFileSync(join(directory, 'outside.txt'), 'from outside');
        symlinkSync(join(directory, 'outside.txt'), join(root, 'absolute'));
        symlinkSync('../../outside.txt', join(root, 'relative'));
        symlinkSync('../..', join(root, 'endless [x]'));
        mkdirSync(join(root, 'sub'));
        symlinkSync(root, join(root, 'sub/self'));
        const { stderr, exitCode } = await cli(root, 'sync', '--vm', 'alpha');
        expect(exitCode).toBe(0);
        expect(stderr).toContain('not sent: endless [x]: leads to a directory that holds it');
        expect(stderr).toContain('not sent: sub/self: leads to a directory that holds it');
        const workspace = workspaceOf(root);
        for (const name of ['absolute', 'relative']) {
          expect(lstatSync(join(workspace, name)).isFile()).toBe(true);
          expect(readFileSync(join(workspace, name), 'utf8')).toBe('from outside');
        }
        expect(readdirSync(join(workspace, 'sub'))).toEqual([]);
      });

      test('a link that leads nowhere outside is one clear error that names it', async () => {
        const root = makeProject();
        symlinkSync('/no/such/place', join(root, 'dangling'));
        const { stderr, exitCode } = await cli(root, 'sync', '--vm', 'alpha');
        expect(exitCode).toBe(1);
        expect(stderr).toMatch(/not everything could be sent: .*dangling.*: make it readable, mend the links/);
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
          const before = readdirSync(join(directory, 'alpha/build'));
          const { exitCode, stderr } = await cli(root, 'sync', '--vm', 'alpha', option);
          expect([2, 3]).toContain(exitCode);
          expect(stderr.trim().split('\n')).toHaveLength(1);
          expect(readdirSync(join(directory, 'alpha/build'))).toEqual(before);
          expect(readdirSync(workspaceOf(root)).sort()).toEqual(['Main.hs', 'app.cabal']);
        },
      );

      test('commands run in the workspace, with input, exit code and arguments as they are', async () => {
        const root = makeProject({ 'sub/x': '' });
        const built = await cli(
          join(root, 'sub'),
          'build',
          '--vm',
          'alpha',
          '--',
          'exe:app',
          '--ghc-options=-O2 -Wall',
        );
        expect(built.stdout.toString()).toBe('cabal build exe:app --ghc-options=-O2 -Wall\n');
        expect(existsSync(join(workspaceOf(root), 'sub/dist-newstyle'))).toBe(true);
        expect((await cli(root, 'test', '--vm', 'alpha')).exitCode).toBe(7);
        const repl = await buildfleet(['repl', '--vm', 'alpha'], { cwd: root, env: environment, input: ':quit\n' });
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

      /** A build that does not end by itself, as soon as it runs. */
      async function slowBuild(
        root: string,
        ...options: string[]
      ): Promise<{ cli: BuildfleetProcess; pids: number[] }> {
        writeFileSync(join(root, 'slow'), '');
        const process = new BuildfleetProcess(['build', ...options], { cwd: root, env: environment });
        const pids = await until('the build runs', 30, () => {
          const file = ['alpha', 'beta']
            .map((id) => join(workspaceOf(root, id), 'dist-newstyle-pids.o'))
            .find((path) => existsSync(path));
          const found = file === undefined ? [] : readFileSync(file, 'utf8').trim().split(' ').map(Number);
          return found.length === 2 && found;
        });
        return { cli: process, pids };
      }

      const gone = (pids: readonly number[]) => () => pids.every((pid) => !existsSync(`/proc/${pid}/exe`));

      test('a second terminal waits, is told for whom, and goes on', async () => {
        const root = makeProject();
        const first = await slowBuild(root, '--vm', 'alpha');
        let said = '';
        const second = new BuildfleetProcess(['sync', '--vm', 'alpha'], { cwd: root, env: environment });
        second.child.stderr.on('data', (text: string) => (said += text));
        await until('the second one says that it waits', 20, () => said.includes('waiting for'));
        expect(said).toMatch(
          new RegExp(`waiting for \\S+@\\S+, pid ${first.cli.child.pid}, who works on this project`),
        );
        expect(second.child.exitCode).toBeNull();
        first.cli.child.kill('SIGINT');
        await first.cli.finished;
        expect((await second.finished).exitCode).toBe(0);
      });

      test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
        '%s of the CLI leaves nothing on the machine',
        async (signal) => {
          const root = makeProject();
          const { cli: build, pids } = await slowBuild(root, '--vm', 'alpha');
          build.child.kill(signal);
          expect((await build.finished).exitCode).toBeGreaterThan(128);
          await until('nothing is left of the build', 10, gone(pids));
          rmSync(join(root, 'slow'));
          expect((await cli(root, 'build', '--vm', 'alpha')).exitCode).toBe(0);
        },
      );

      test('a build whose ssh was killed is begun again by itself, and so is one whose machine was away', async () => {
        const root = makeProject();
        const { cli: build, pids } = await slowBuild(root, '--vm', 'alpha');
        rmSync(join(root, 'slow'));
        // Its begin tells run.sh's from the connections that hold the workspace.
        const ssh = listProcesses().filter(
          ({ argv }) =>
            argv[0] === 'ssh' &&
            argv.includes(join(state, 'ssh-config')) &&
            argv.join(' ').includes('# Runs a command in a workspace'),
        );
        expect(ssh.length).toBeGreaterThan(0);
        for (const { pid } of ssh) process.kill(pid, 'SIGKILL');
        await build.finished;
        await until('nothing is left of the build', 10, gone(pids));

        const again = makeProject();
        const { cli: lost, pids: others } = await slowBuild(again, '--vm', 'alpha');
        rmSync(join(again, 'slow'));
        const machine = machines.get('alpha')!;
        let said = '';
        lost.child.stderr.on('data', (text: string) => (said += text));
        await machine.dispose();
        await until('the loss is reported', 30, () => said.includes('waiting until haskell-build-alpha is back'));
        await machine.start();
        const { exitCode, stdout, stderr } = await lost.finished;
        expect(stderr).toContain('the connection to haskell-build-alpha was lost');
        expect(stderr).toContain('haskell-build-alpha is back: going on');
        expect(stdout.toString()).toBe('cabal build all\ncabal build all\n');
        expect(exitCode).toBe(0);
        await until('nothing is left of the first build', 10, gone(others));
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

        await machines.get(taken)!.dispose();
        try {
          const third = await cli(root, 'build');
          expect(third.exitCode).toBe(0);
          expect(third.stderr).toMatch(new RegExp(`^on haskell-build-${other}: load`));
          expect(third.stderr).toMatch(new RegExp(`not on haskell-build-${taken}: .*Connection refused`));
          expect((await cli(root, 'build')).stderr).toMatch(
            new RegExp(`not on haskell-build-${taken}: did not answer: .*Connection refused.* \\(\\d+ s ago\\)`),
          );
          await machines.get(other)!.dispose();
          const none = await cli(root, 'build');
          expect(none.exitCode).toBe(4);
          expect(none.stderr).toMatch(
            /no VM can be used: \n {2}haskell-build-alpha: .+: .+\n {2}haskell-build-beta: .+: .+/,
          );
        } finally {
          for (const machine of machines.values()) await machine.stop().then(() => machine.start());
        }
      });

      test('a GHC that no machine has is told with the way to get it', async () => {
        const root = makeProject({ 'cabal.project': 'packages: .\nwith-compiler: ghc-9.99.1\n' });
        const { stderr, exitCode } = await cli(root, 'build');
        expect(exitCode).toBe(4);
        expect(stderr).toContain('haskell-build-alpha: has GHC 9.6.6, and not 9.99.1');
        expect(stderr).toContain('`buildfleet add-ghc --vm alpha 9.99.1` installs it');
        const given = await cli(root, 'build', '--ghc', '9.6');
        expect(given.stdout.toString()).toBe('cabal build --with-compiler=ghc-9.6.6 all\n');
      });

      test('fetch brings what was built, whole, and it is not sent back', async () => {
        const root = makeProject();
        expect((await cli(root, 'fetch')).stderr).toContain('run `buildfleet build` first');
        await cli(root, 'build', '--vm', 'beta');
        const { stdout } = await cli(root, 'fetch');
        expect(stdout.toString()).toBe('result/bin/app\n');
        expect((await run(join(root, 'result/bin/app'), [])).stdout).toBe('built from one\n');
        await cli(root, 'sync', '--vm', 'beta');
        expect(existsSync(join(workspaceOf(root, 'beta'), 'result'))).toBe(false);

        const to = join(directory, 'elsewhere');
        mkdirSync(to);
        symlinkSync(directory, join(to, 'bin'));
        const refused = await cli(root, 'fetch', '--to', to);
        expect(refused.exitCode).toBe(1);
        expect(refused.stderr).toContain('symbolic link, which may lead anywhere');
        expect(existsSync(join(directory, 'app'))).toBe(false);

        const all = await cli(root, 'fetch', '--all');
        expect(all.exitCode).toBe(0);
        expect(existsSync(join(root, 'dist-newstyle/cache/plan.json'))).toBe(true);
        rmSync(join(root, 'dist-newstyle/.buildfleet-fetched'));
        expect((await cli(root, 'fetch', '--all')).stderr).toContain('this was built here');
      });

      test('a plan that names files of others brings none of them', async () => {
        const root = makeProject();
        await cli(root, 'build', '--vm', 'alpha');
        const plan = join(workspaceOf(root), 'dist-newstyle/cache/plan.json');
        for (const path of ['/etc/passwd', '$PWD/../../etc/passwd']) {
          const text = readFileSync(plan, 'utf8').replace(/"bin-file": "[^"]*"/, `"bin-file": "${path}"`);
          writeFileSync(plan, text);
          expect((await cli(root, 'fetch', '--vm', 'alpha')).stderr).toContain('nothing of this project is built');
        }
      });
    },
  );
});
