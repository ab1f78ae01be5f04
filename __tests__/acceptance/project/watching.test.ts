import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { shellWords } from '../../../src/rendering/shell-word';
import { run } from '../../../src/process/run';
import type { BuildfleetProcess } from '../../support/buildfleet';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { describeAsRoot, gone, WORK_TOOLS, WorkFleet } from './support/work-fleet';

jest.setTimeout(120_000);

const CLI = join(__dirname, '../../../bin/buildfleet');

describeAsRoot('builds on save, on stand-in machines (needs root)', () => {
  describeWithTools([...WORK_TOOLS, 'script', 'git'], 'with real tools', () => {
    let fleet: WorkFleet;
    const open: BuildfleetProcess[] = [];

    beforeAll(async () => {
      fleet = await WorkFleet.create('alpha');
    });

    afterAll(() => fleet.dispose());

    afterEach(async () => {
      for (const cli of open.splice(0)) {
        cli.child.kill('SIGTERM');
        await cli.finished;
      }
      await fleet.untilQuiet();
    });

    /** A watch, and what it has said so far. */
    function watch(root: string, ...words: string[]) {
      const cli = fleet.start(root, ...words, '--watch');
      open.push(cli);
      let said = '';
      cli.child.stderr.on('data', (text: string) => (said += text));
      const states = () => said.split('\n').filter((line) => / changed$|waiting for a change/.test(line));
      const waits = () => said.split('waiting for a change').length - 1;
      const waiting = (count: number) => until(`build ${count} has ended`, 30, () => waits() >= count);
      return { cli, states, waiting, said: () => said, builds: () => cli.output.toString().split('cabal ').length - 1 };
    }

    test('each way to save is one build, and what is not sent is none', async () => {
      const root = fleet.makeProject({ '.gitignore': '*.log\ntmp/\n', 'src/A.hs': '1', 'src/B.hs': '1', 'tmp/x': '' });
      const git = (...args: string[]) =>
        run('git', ['-C', root, '-c', 'user.name=a', '-c', 'user.email=a@localhost', ...args]);
      await run('git', ['init', '-q', '-b', 'first', root]);
      await git('add', '.');
      await git('commit', '-qm', 'first');
      await git('checkout', '-qb', 'second');
      for (const name of ['Main.hs', 'src/A.hs', 'src/B.hs', 'src/C.hs']) writeFileSync(join(root, name), 'second');
      await git('add', '.');
      await git('commit', '-qm', 'second');
      await git('checkout', '-q', 'first');
      writeFileSync(join(root, '.buildfleetignore'), '*.tmp\n');

      const { states, waiting, builds } = watch(root, 'build', '--vm', 'alpha');
      await waiting(1);
      writeFileSync(join(root, 'Main.hs'), 'two');
      await waiting(2);
      expect(readFileSync(join(fleet.workspaceOf(root), 'Main.hs'), 'utf8')).toBe('two');
      // as vim and formatters do it
      writeFileSync(join(root, 'src/A.hs.tmp'), 'three');
      renameSync(join(root, 'src/A.hs.tmp'), join(root, 'src/A.hs'));
      await waiting(3);
      for (const name of ['src/A.hs', 'src/B.hs']) writeFileSync(join(root, name), 'four');
      await waiting(4);
      await git('checkout', '-q', '.');
      await waiting(5);
      await git('checkout', '-q', 'second');
      await waiting(6);
      expect(readFileSync(join(fleet.workspaceOf(root), 'src/C.hs'), 'utf8')).toBe('second');
      for (const name of ['new.log', 'tmp/x', 'tmp/y', 'dist-newstyle', 'a.tmp']) writeFileSync(join(root, name), 'x');
      rmSync(join(root, 'tmp/x'));
      rmSync(join(root, 'src/B.hs'));
      await waiting(7);
      expect(existsSync(join(fleet.workspaceOf(root), 'src/B.hs'))).toBe(false);
      const changes = states().filter((line) => line.endsWith(' changed'));
      expect(changes).toEqual([
        'Main.hs changed',
        'src/A.hs changed',
        '2 files changed',
        '3 files changed',
        '4 files changed',
        'src/B.hs changed',
      ]);
      expect(builds()).toBe(7);
    });

    test('a newer save cancels the build that runs', async () => {
      const root = fleet.makeProject({ slow: '' });
      const { cli, waiting, states, builds } = watch(root, 'build', '--vm', 'alpha');
      const file = () => join(fleet.workspaceOf(root), 'dist-newstyle-pids.o');
      const pids = await until('the build runs', 30, () => {
        const found = existsSync(file()) ? readFileSync(file(), 'utf8').trim().split(' ').map(Number) : [];
        return found.length === 2 && found;
      });
      rmSync(join(root, 'slow'));
      await waiting(1);
      expect(gone(pids)).toBe(true);
      expect(builds()).toBe(2);
      expect(states()).toEqual([
        'slow changed',
        expect.stringMatching(/^done after \d+\.\d s; waiting for a change, Ctrl-C ends$/),
      ]);
      cli.child.kill('SIGINT');
      expect((await cli.finished).exitCode).toBe(0);
    });

    test('Ctrl-C ends it with the exit code of the last build', async () => {
      const { cli, waiting } = watch(fleet.makeProject(), 'test', '--vm', 'alpha');
      await waiting(1);
      cli.child.kill('SIGINT');
      const { exitCode, stderr } = await cli.finished;
      expect(stderr).toContain('failed with exit code 7 after');
      expect(exitCode).toBe(7);
    });

    test('a lost machine is told, and tried again with the next save', async () => {
      const root = fleet.makeProject();
      const { cli, waiting, said } = watch(root, 'build');
      await waiting(1);
      const machine = fleet.machines.get('alpha')!;
      await machine.dispose();
      writeFileSync(join(root, 'Main.hs'), 'two');
      await waiting(2);
      expect(said()).toMatch(/buildfleet: .*haskell-build-alpha.*\nfailed with exit code (4|255) after/);
      await machine.start();
      writeFileSync(join(root, 'Main.hs'), 'three');
      await waiting(3);
      expect(readFileSync(join(fleet.workspaceOf(root), 'Main.hs'), 'utf8')).toBe('three');
      cli.child.kill('SIGINT');
      expect((await cli.finished).exitCode).toBe(0);
    });

    test('a terminal is the same after it as before, and what builds has one of its size', async () => {
      const root = fleet.makeProject();
      const bin = join(fleet.directory, 'bin');
      const real = readFileSync(join(bin, 'cabal'), 'utf8');
      fleet.addProgram('cabal', '#!/bin/sh\ntest -t 1 && test -t 2 && stty size <&2\nexec sleep 300\n');
      const log = join(fleet.directory, 'terminal.log');
      const words = shellWords([CLI, 'build', '--watch', '--vm', 'alpha']);
      const script = `stty cols 97 rows 31; stty -g; ${words}; echo "code $?"; stty -g`;
      const terminal = run('script', ['-qefc', script, log], {
        cwd: root,
        env: { ...fleet.environment, TERM: 'xterm-256color' },
      });
      try {
        await until('it builds', 30, () => existsSync(log) && readFileSync(log, 'utf8').includes('31 97'));
        const { stdout } = await run('pgrep', ['-f', `^node .*build --watch --vm alpha$`], { acceptExitCodes: [0, 1] });
        for (const pid of stdout.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGINT');
        await terminal;
      } finally {
        fleet.addProgram('cabal', real);
      }
      // What script itself writes ends its lines without a carriage return.
      const lines = readFileSync(log, 'utf8').split(/\r?\n/);
      expect(lines).toContain('code 130');
      const settings = lines.filter((line) => /^[0-9a-f]+(:[0-9a-f]+)+$/.test(line));
      expect(settings).toHaveLength(2);
      expect(settings[0]).toBe(settings[1]);
    });

    test('nothing is left of its files when it ends', () => {
      expect(readdirSync('/tmp').filter((name) => name.startsWith('buildfleet-changes-'))).toEqual([]);
    });
  });
});
