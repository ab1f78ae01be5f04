import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, SSH_CONNECTION_FAILED } from '../../../src/cli/exit-codes';
import { isRunning, type ProcessIdentity, readProcess } from '../../../src/process/process-identity';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { describeAsRoot, gone, WORK_TOOLS, WorkFleet } from './support/work-fleet';

jest.setTimeout(120_000);

describeAsRoot('builds that are cut off, on a stand-in machine (needs root)', () => {
  describeWithTools(WORK_TOOLS, 'with real tools', () => {
    let fleet: WorkFleet;

    beforeAll(async () => {
      fleet = await WorkFleet.create('alpha');
    });

    afterAll(() => fleet.dispose());

    afterEach(() => fleet.untilQuiet());

    const machine = () => fleet.machines.get('alpha')!;

    test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
      '%s of the CLI leaves nothing on the machine',
      async (signal) => {
        const root = fleet.makeProject();
        const { cli, pids } = await fleet.slowBuild(root);
        cli.child.kill(signal);
        expect((await cli.finished).exitCode).toBeGreaterThan(128);
        await until('nothing is left of the build', 10, () => gone(pids));
        expect((await fleet.cli(root, 'build')).exitCode).toBe(EXIT.ok);
      },
    );

    // A group of its own is what a daemon makes for itself.
    test.each([
      ['in its process group', ''],
      ['elsewhere', 'setsid '],
      ['elsewhere, deaf to SIGTERM,', "trap '' TERM; setsid "],
    ])('what a command leaves running %s is ended, at the latest before the next one', async (_, how) => {
      const root = fleet.makeProject();
      const left = `${how}sleep 1000 </dev/null >/dev/null 2>&1 & echo $!`;
      const { stdout } = await fleet.cli(root, 'exec', '--project', '.', '--', 'sh', '-c', left);
      const pids = [Number(stdout.toString())];
      if (how === '') await until('nothing is left of the command', 10, () => gone(pids));
      else expect(gone(pids)).toBe(false);
      const { exitCode, stderr } = await fleet.cli(root, 'build');
      expect(stderr).not.toContain('does not end');
      expect(exitCode).toBe(EXIT.ok);
      expect(gone(pids)).toBe(true);
    });

    test('a signal that ends the command itself is no lost connection', async () => {
      const command = ['sh', '-c', 'kill -9 $$'];
      const { exitCode, stderr } = await fleet.cli(fleet.makeProject(), 'exec', '--project', '.', '--', ...command);
      expect(stderr).not.toContain('lost');
      expect(exitCode).toBe(137);
    });

    // The first words of our scripts tell what a connection is for.
    test.each([
      ['that the build runs through', '# Runs a command in a workspace'],
      ['that holds the workspace', '# Holds a workspace'],
      ['that all others go through', ' -M '],
    ])('kill -9 of the ssh %s: nothing is left, and the build goes on by itself', async (_, words) => {
      const root = fleet.makeProject();
      const { cli, pids } = await fleet.slowBuild(root);
      const connections = fleet.sshWith(words);
      expect(connections.length).toBeGreaterThan(0);
      for (const { pid } of connections) process.kill(pid, 'SIGKILL');
      await until('nothing is left of the build', 10, () => gone(pids));
      const { exitCode, stdout, stderr } = await cli.finished;
      expect(stderr).toContain('the connection to haskell-build-alpha was lost');
      expect(stderr).toContain('haskell-build-alpha is back: going on');
      expect(stdout.toString()).toBe('cabal build all\ncabal build all\n');
      expect(exitCode).toBe(EXIT.ok);
    });

    test('a build that was killed together with its ssh goes on by itself, though both ended alike', async () => {
      const root = fleet.makeProject();
      const { cli, pids } = await fleet.slowBuild(root);
      const connections = fleet.sshWith('# Runs a command in a workspace');
      expect(connections.length).toBeGreaterThan(0);
      for (const { pid } of connections) process.kill(pid, 'SIGSTOP');
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      await until('nothing is left of the build', 10, () => gone(pids));
      for (const { pid } of connections) process.kill(pid, 'SIGKILL');
      const { exitCode, stderr } = await cli.finished;
      expect(stderr).toContain('haskell-build-alpha is back: going on');
      expect(exitCode).toBe(EXIT.ok);
    });

    describe('while sources are sent', () => {
      let mark: string;
      let rsync: string;

      /** An rsync that is in the middle of its work as long as its input does not end, the first time. */
      beforeEach(() => {
        mark = join(fleet.directory, 'slow-rsync');
        const text = `#!/bin/sh\nmkdir ${mark} && exec cat >/dev/null\nexec /usr/bin/rsync "$@"\n`;
        rsync = fleet.addProgram('rsync', text);
      });

      afterEach(() => {
        rmSync(rsync);
        rmSync(mark, { recursive: true });
      });

      async function sending(root: string) {
        const cli = fleet.start(root, 'sync', '--vm', 'alpha');
        const connections = await until('rsync runs on the machine', 30, () => {
          const found = fleet.sshWith(' --server ');
          return readdirSync(fleet.directory).includes('slow-rsync') && found.some(isLetThrough) && found;
        });
        return { cli, connections };
      }

      /** Whether this ssh gets what rsync says, and not only waits for the workspace. */
      function isLetThrough({ pid }: ProcessIdentity): boolean {
        const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
        return children.some((child) => readProcess(child)?.argv[0] === 'cat');
      }

      test('kill -9 of the ssh that they are sent through: they are sent again', async () => {
        const root = fleet.makeProject();
        const { cli, connections } = await sending(root);
        for (const { pid } of connections) process.kill(pid, 'SIGKILL');
        const { exitCode, stderr } = await cli.finished;
        expect(stderr).toContain('the connection to haskell-build-alpha was lost');
        expect(exitCode).toBe(EXIT.ok);
        expect(readdirSync(fleet.workspaceOf(root)).sort()).toEqual(['Main.hs', 'app.cabal']);
      });

      test('what was sent of a large file before the connection broke is not sent again', async () => {
        const [size, arriving, second] = [8_000_000, 3_000_000, join(fleet.directory, 'second-transfer')];
        const cut = `dd bs=64k iflag=count_bytes count=${arriving} status=none; exec cat >/dev/null`;
        const first = `if mkdir ${mark}; then (${cut}) | /usr/bin/rsync "$@"; exit; fi`;
        const text = `#!/bin/bash\n${first}\nexec /usr/bin/rsync "$@" < <(exec tee ${second})\n`;
        fleet.addProgram('rsync', text);
        const root = fleet.makeProject();
        const content = randomBytes(size);
        writeFileSync(join(root, 'large.bin'), content);
        const cli = fleet.start(root, 'sync');
        await until('what arrived is kept', 30, () => existsSync(join(fleet.workspaceOf(root), 'large.bin')));
        for (const { pid } of fleet.sshWith(' --server ')) process.kill(pid, 'SIGKILL');
        const { exitCode, stderr } = await cli.finished;
        expect(stderr).toContain('the connection to haskell-build-alpha was lost');
        expect(exitCode).toBe(EXIT.ok);
        expect(readFileSync(join(fleet.workspaceOf(root), 'large.bin')).equals(content)).toBe(true);
        // on a busy machine less of it was written when the connection broke
        expect(statSync(second).size).toBeLessThan(size - arriving / 6);
      });

      test('kill -9 of the CLI ends the transfer: the next one has the workspace for itself', async () => {
        const root = fleet.makeProject();
        const { cli, connections } = await sending(root);
        cli.child.kill('SIGKILL');
        await cli.finished;
        await until('the transfer has ended', 10, () => connections.every((ssh) => !isRunning(ssh)));
        expect((await fleet.cli(root, 'sync')).exitCode).toBe(EXIT.ok);
        expect(readdirSync(fleet.workspaceOf(root)).sort()).toEqual(['Main.hs', 'app.cabal']);
      });
    });

    test('Ctrl-C when nothing goes through the connection any more ends the command at once, and the build', async () => {
      const root = fleet.makeProject();
      const { cli, pids } = await fleet.slowBuild(root);
      const thaw = machine().freeze();
      try {
        cli.child.kill('SIGINT');
        expect((await cli.finished).exitCode).toBe(130);
      } finally {
        thaw();
      }
      await until('nothing is left of the build', 10, () => gone(pids));
      expect((await fleet.cli(root, 'build')).exitCode).toBe(EXIT.ok);
    });

    test('a machine that was away is waited for', async () => {
      const root = fleet.makeProject();
      const { cli, pids } = await fleet.slowBuild(root);
      let said = '';
      cli.child.stderr.on('data', (text: string) => (said += text));
      await machine().dispose();
      try {
        await until('the loss is reported', 30, () => said.includes('waiting until haskell-build-alpha is back'));
      } finally {
        await machine().start();
      }
      const { exitCode, stdout, stderr } = await cli.finished;
      expect(stderr).toContain('the connection to haskell-build-alpha was lost');
      expect(stderr).toContain('haskell-build-alpha is back: going on');
      expect(stdout.toString()).toBe('cabal build all\ncabal build all\n');
      expect(exitCode).toBe(EXIT.ok);
      await until('nothing is left of the first build', 10, () => gone(pids));
    });

    test('a machine that is lost again and again is given up', async () => {
      const rsync = fleet.addProgram('rsync', '#!/bin/sh\nexit 0\n');
      try {
        const { exitCode, stderr } = await fleet.cli(fleet.makeProject(), 'build');
        expect(stderr.match(/is back: going on/g)).toHaveLength(4);
        expect(exitCode).toBe(SSH_CONNECTION_FAILED);
      } finally {
        rmSync(rsync);
      }
    });

    test('what the machine refuses is one error, and not a lost connection', async () => {
      const root = fleet.makeProject();
      await fleet.cli(root, 'sync');
      const name = fleet.workspaceOf(root).split('/').at(-1) ?? '';
      const lock = join(fleet.directory, 'alpha/build/.buildfleet', `${name}.lock`);
      rmSync(lock);
      mkdirSync(lock);
      try {
        const { exitCode, stderr } = await fleet.cli(root, 'build', '--vm', 'alpha');
        expect(stderr).toMatch(
          /^buildfleet: haskell-build-alpha does not open the workspace: \S+\.lock cannot be opened: /,
        );
        expect(exitCode).toBe(EXIT.failure);
      } finally {
        rmSync(lock, { recursive: true });
      }
    });
  });
});
