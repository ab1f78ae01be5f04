import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT } from '../../../src/cli/exit-codes';
import { run } from '../../../src/process/run';
import { type Drain, whileDrained } from '../../../src/provider/resources/vm/drain';
import { BuildfleetProcess, buildfleet } from '../../support/buildfleet';
import { StandInMachine, writeStandInFleet } from '../../support/stand-in-machine';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { describeAsRoot } from '../../support/as-root';
import { until } from '../../support/until';
import { type DrainedMachine, standInDrain } from './support/stand-in-drain';

jest.setTimeout(120_000);

describeAsRoot('draining a stand-in machine (needs root)', () => {
  describeWithTools(['sshd', 'ssh', 'ssh-keygen', 'rsync', 'unshare', 'setpriv', 'flock'], 'with real tools', () => {
    let directory: string;
    let machine: StandInMachine;
    let drained: DrainedMachine;
    let environment: Record<string, string>;
    let steps: string[];
    let warnings: unknown[];

    beforeAll(async () => {
      directory = temporaryDirectory();
      const bin = join(directory, 'bin');
      mkdirSync(bin);
      copyFileSync(join(__dirname, '../../support/fake-cabal'), join(bin, 'cabal'));
      mkdirSync(join(directory, 'build'));
      const path = { PATH: `${bin}:/usr/bin:/bin` };
      machine = await StandInMachine.create(join(directory, 'alpha'), path, join(directory, 'build'));
      mkdirSync(join(directory, 'run'), { mode: 0o700 });
      const { port, hostKey, userKey } = machine;
      const fleet = writeStandInFleet(join(directory, 'state'), userKey, 'http://127.0.0.1:1', [
        { id: 'alpha', port, hostKey },
      ]);
      environment = { BUILDFLEET_FLEET: fleet, XDG_RUNTIME_DIR: join(directory, 'run') };
      drained = { port, hostKey, userKey, vmDirectory: join(directory, 'state/vms/haskell-build-alpha') };
    });

    afterAll(async () => {
      await machine.dispose();
    });

    beforeEach(() => {
      steps = [];
      warnings = [];
    });

    const books = (name: string) => join(directory, 'build/.buildfleet', name);

    function drain(action: () => Promise<void>, changes: Partial<Drain> = {}): Promise<void> {
      const parts = standInDrain(drained);
      return whileDrained(
        {
          ...parts,
          ...{ timeoutSeconds: 60, signal: new AbortController().signal },
          progress: { ...parts.progress, step: (text, detail) => steps.push(`${text}: ${detail ?? ''}`) },
          log: { ...parts.log, warn: (_, fields) => warnings.push(fields?.['reason']) },
          ...changes,
        },
        action,
      );
    }

    /** Whether new builds are refused, by the lock itself. */
    async function isDraining(): Promise<boolean> {
      const args = ['--nonblock', '--shared', books('draining'), 'true'];
      return (await run('flock', args, { acceptExitCodes: [0, 1] })).exitCode === 1;
    }

    let projects = 0;
    function makeProject(): string {
      const root = join(directory, `projects/app${++projects}`);
      mkdirSync(root, { recursive: true });
      writeFileSync(join(root, 'app.cabal'), '');
      writeFileSync(join(root, 'Main.hs'), 'one');
      return root;
    }

    const cli = (...args: string[]) => buildfleet([...args, '--vm', 'alpha'], { cwd: makeProject(), env: environment });

    /** A build that lasts until it is told to end. */
    async function slowBuild(): Promise<{ cli: BuildfleetProcess; end: () => Promise<void> }> {
      const cwd = makeProject();
      writeFileSync(join(cwd, 'slow'), '');
      const own = new BuildfleetProcess(['build', '--vm', 'alpha'], { cwd, env: environment });
      const [, child = 0] = await until('the build runs', 30, () => {
        const name = readdirSync(join(directory, 'build')).find((one) => one.includes(`-app${projects}-`)) ?? 'none';
        const file = join(directory, 'build', name, 'dist-newstyle-pids.o');
        const pids = existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ').map(Number) : [];
        return pids.length === 2 && pids;
      });
      const end = async () => {
        process.kill(child, 'SIGTERM');
        await own.finished;
      };
      return { cli: own, end };
    }

    test('a running build is waited for, and until the stop is done new ones are refused', async () => {
      const build = await slowBuild();
      let isStopped = false;
      const draining = drain(async () => {
        isStopped = true;
        expect((await cli('sync')).stderr).toContain('takes no new builds');
      });
      await until('the build is waited for', 20, () => steps.some((step) => step.startsWith('waiting for 1 build: ')));
      expect(steps.at(-1)).toMatch(
        new RegExp(`: \\S+-app\\d+-[0-9a-f]{12} \\(\\S+@\\S+, pid ${build.cli.child.pid}\\)$`),
      );
      const refused = await cli('build');
      expect(refused.exitCode).toBe(EXIT.notUsable);
      expect(refused.stderr).toContain('haskell-build-alpha takes no new builds, because a deploy is about to stop it');
      const unnamed = await buildfleet(['build'], { cwd: makeProject(), env: environment });
      expect(unnamed.exitCode).toBe(EXIT.notUsable);
      expect(isStopped).toBe(false);

      await build.end();
      await draining;
      expect(isStopped).toBe(true);
      expect((await build.cli.finished).stdout.toString()).toContain('cabal build');
      expect((await cli('sync')).exitCode).toBe(0);
    });

    test('a build that does not end is named and goes on, and new ones are taken again', async () => {
      const build = await slowBuild();
      await expect(drain(() => Promise.reject(new Error('stopped')), { timeoutSeconds: 1 })).rejects.toMatchObject({
        code: 'vm-busy',
        message: expect.stringContaining(`pid ${build.cli.child.pid}`) as unknown,
      });
      expect(await isDraining()).toBe(false);
      expect((await cli('sync')).exitCode).toBe(0);
      expect(build.cli.child.exitCode).toBeNull();
      await build.end();
    });

    test('a session that has a workspace and has not begun to build is waited for', async () => {
      const session = spawn('flock', [books('eve-app-000000000000.lock'), 'sh', '-c', 'echo held; cat']);
      await once(session.stdout, 'data');
      let isStopped = false;
      const draining = drain(() => {
        isStopped = true;
        return Promise.resolve();
      });
      await until(
        'it is waited for',
        20,
        () => steps.at(-1) === 'waiting for 1 build: eve-app-000000000000 (an unknown user)',
      );
      expect(isStopped).toBe(false);
      session.stdin.end();
      await draining;
      expect(isStopped).toBe(true);
    });

    test('a cancelled drain leaves the machine as it was', async () => {
      const build = await slowBuild();
      const controller = new AbortController();
      const draining = drain(() => Promise.reject(new Error('stopped')), { signal: controller.signal });
      const ended = expect(draining).rejects.toMatchObject({ name: 'AbortError' });
      await until('the build is waited for', 20, () => steps.length > 1);
      controller.abort();
      await ended;
      expect(await isDraining()).toBe(false);
      expect(build.cli.child.exitCode).toBeNull();
      await build.end();
    });

    test('nothing is left of a provider that was killed', async () => {
      const script = join(__dirname, 'support/drain-until-killed.ts');
      const argv = ['-r', './scripts/ts-node.cjs', script, JSON.stringify(drained)];
      const provider = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      provider.stdout.on('data', (text: Buffer) => (said += text.toString()));
      await until('the machine is drained', 60, () => said.includes('drained'));
      expect(await isDraining()).toBe(true);
      provider.kill('SIGKILL');
      await until('new builds are taken', 10, async () => !(await isDraining()));
    });

    test('a machine that is not there is not waited for', async () => {
      await machine.dispose();
      let isStopped = false;
      await drain(() => {
        isStopped = true;
        return Promise.resolve();
      });
      expect(isStopped).toBe(true);
      expect(warnings).toEqual([expect.stringContaining('Connection refused')]);
      await machine.start();
    });
  });
});
