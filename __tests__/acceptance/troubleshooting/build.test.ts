import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { BuildfleetProcess } from '../../support/buildfleet';
import type { MountedDirectory } from '../../support/mounted-directory';
import { describeWithTools, findProgram } from '../../support/tools';
import { describeAsRoot } from '../../support/as-root';
import { until } from '../../support/until';
import { documentedLines, printedLines } from './support/documented';
import { requireDocumented, SmallFleet } from './support/small-fleet';

jest.setTimeout(120_000);

/** Room on the machine. */
const BUILD_MIB = 16;

const TOOLS = ['sshd', 'ssh', 'ssh-keygen', 'rsync', 'unshare', 'setpriv', 'flock', 'cc', 'ldd'];

describeAsRoot('what builds say of each fault (needs root)', () => {
  describeWithTools(TOOLS, 'with real tools', () => {
    let fleet: SmallFleet;
    let home: string;
    let project: string;
    let build: string;
    let disk: MountedDirectory;

    beforeAll(async () => {
      fleet = await SmallFleet.create({
        buildMib: BUILD_MIB,
        environment: (directory) => ({ PATH: `${directory}/bin:/usr/bin:/bin`, HOME: `${directory}/home` }),
      });
      const { directory } = fleet;
      if (fleet.build === undefined) throw new Error('the machine has no /build of its own');
      [home, project, disk, build] = [join(directory, 'home'), join(directory, 'app'), fleet.build, fleet.build.path];
      for (const path of [join(directory, 'bin'), home, project]) mkdirSync(path);
      copyFileSync(join(__dirname, 'support/fake-cabal'), join(directory, 'bin/cabal'));
      writeFileSync(join(project, 'app.cabal'), '');
      knowPackages();
    });

    afterAll(() => fleet.dispose());

    /** As after `cabal update` on the machine. */
    function knowPackages(): void {
      const index = join(home, '.cache/cabal/packages/archive');
      mkdirSync(index, { recursive: true });
      writeFileSync(join(index, '01-index.tar'), '');
    }

    const cli = (line: string) => () => fleet.say(line.replace(/^buildfleet /, '').split(' '), project);
    const also = (...lines: string[]) => Object.fromEntries(lines.map((line) => [line, cli(line)]));

    test('a build where all is well, and one without a hub', async () => {
      expect(await cli('buildfleet build')()).toContain('cabal build all');
      await fleet.hub.stop();
      expect(await cli('buildfleet build')()).toContain('cabal build all');
      await fleet.hub.start();
    });

    test('no VM can be used', () =>
      fleet.goThrough({
        symptom: 'No VM can be used',
        provoke: () => fleet.machine.dispose(),
        repair: () => fleet.machine.start(),
        also: also('buildfleet build', 'buildfleet build --vm alpha'),
      }));

    test('developer key not known', () => {
      const allowed = `${fleet.machine.userKey}.pub`;
      const key = readFileSync(allowed, 'utf8');
      return fleet.goThrough({
        symptom: "The developer's key is not known",
        provoke: async () => {
          writeFileSync(allowed, '');
          await fleet.machine.disconnect();
        },
        repair: () => {
          writeFileSync(allowed, key);
        },
        also: also('buildfleet build --vm alpha', 'buildfleet build', 'buildfleet exec alpha -- true'),
        statusIsHealthy: true,
      });
    });

    /** What is no fault of the VM: `status` is content before, and when it has been seen and still is there. */
    async function whileHealthy(action: () => Promise<void>): Promise<void> {
      const look = async () => {
        await fleet.heartbeat();
        await fleet.untilHealthy();
      };
      await look();
      await action();
      await look();
    }

    test('GHC missing', () =>
      whileHealthy(async () => {
        for (const line of ['buildfleet build --ghc 9.99.1', 'buildfleet build --ghc 9.99.1 --vm alpha'])
          requireDocumented(printedLines(await cli(line)()), documentedLines('GHC is missing', line));
        expect(await cli('buildfleet build --ghc 9.6')()).toContain('cabal build --with-compiler=ghc-9.6.6 all');
      }));

    test('no package index', () =>
      fleet.goThrough({
        symptom: 'There is no package index',
        provoke: () => {
          rmSync(join(home, '.cache/cabal'), { recursive: true });
        },
        repair: knowPackages,
        also: also('buildfleet build'),
        statusIsHealthy: true,
      }));

    test('no profiling libraries', () => {
      const ghc = join(fleet.directory, 'bin/ghc');
      const libraries = join(fleet.directory, 'ghc');
      return fleet.goThrough({
        symptom: 'Profiling libraries are missing',
        provoke: () => {
          mkdirSync(join(libraries, 'base-4.18.2.1'), { recursive: true });
          writeFileSync(join(libraries, 'base-4.18.2.1/Prelude.hi'), '');
          writeFileSync(ghc, `#!/bin/sh\necho ${libraries}\n`, { mode: 0o755 });
        },
        repair: () => {
          writeFileSync(join(libraries, 'base-4.18.2.1/Prelude.p_hi'), '');
        },
        also: also('buildfleet build -- --enable-profiling'),
        statusIsHealthy: true,
      });
    });

    test('library missing on the VM', () =>
      whileHealthy(async () => {
        writeFileSync(join(project, 'main.c'), 'int main(void) { return 0; }\n');
        const link = (library: string) => cli(`buildfleet exec --project . -- cc main.c -l${library}`)();
        const documented = documentedLines('A library is missing on the VM', 'buildfleet build');
        requireDocumented(printedLines(await link('buildfleet-none')), documented);
        const present = printedLines(await link('c'));
        expect(present.filter((line) => documented.some((pattern) => pattern.test(line)))).toEqual([]);
      }));

    test('library missing on the workstation', () =>
      whileHealthy(async () => {
        const program = readFileSync(findProgram('ls') ?? '');
        writeFileSync(
          join(project, 'app'),
          program.toString('latin1').replaceAll('libc.so.6\0', 'libq.so.6\0'),
          'latin1',
        );
        chmodSync(join(project, 'app'), 0o755);
        try {
          await cli('buildfleet build')();
          await cli('buildfleet fetch')();
          for (const [command, argv] of [
            ['./result/bin/app', ['./result/bin/app']],
            ['ldd result/bin/app', ['ldd', 'result/bin/app']],
          ] as const) {
            const { stdout, stderr } = await run('sh', ['-c', '"$@" || :', 'sh', ...argv], { cwd: project });
            const documented = documentedLines('A library is missing on the workstation', command);
            requireDocumented(printedLines(`${stdout}\n${stderr}`), documented);
          }
        } finally {
          rmSync(join(project, 'app'));
          rmSync(join(project, 'result'), { recursive: true });
        }
      }));

    test('disk of the VM full', () =>
      fleet.goThrough({
        symptom: 'The disk of the VM is full',
        provoke: async () => {
          await disk.leaveFree(100);
          writeFileSync(join(project, 'Large.hs'), Buffer.alloc(1024 * 1024));
        },
        repair: () => disk.resize(BUILD_MIB),
        also: also('buildfleet build'),
        // The machine tells of it with its next heartbeat, which is tested with status.
        statusIsHealthy: true,
      }));

    test('workspaces cannot be made', () => {
      const [books, aside] = [join(build, '.buildfleet'), join(fleet.directory, 'build/aside')];
      return fleet.goThrough({
        symptom: 'The workspace cannot be opened',
        provoke: () => {
          renameSync(books, aside);
          writeFileSync(books, '');
        },
        repair: () => {
          rmSync(books);
          renameSync(aside, books);
        },
        also: also('buildfleet build'),
        statusIsHealthy: true,
      });
    });

    test('VM draining', () => {
      let drain: ChildProcessWithoutNullStreams | undefined;
      return fleet.goThrough({
        symptom: 'The VM is drained',
        // What a deploy runs on the machine.
        provoke: async () => {
          drain = spawn('bash', [join(__dirname, '../../../assets/cli/drain.sh'), build]);
          const { stdout } = drain;
          await new Promise((resolve) => stdout.once('data', resolve));
        },
        repair: async () => {
          const ended = new Promise((resolve) => drain?.once('exit', resolve));
          drain?.stdin.end();
          await ended;
        },
        also: also('buildfleet build', 'buildfleet build --vm alpha'),
        statusIsHealthy: true,
      });
    });

    /** A command that does not end by itself, as soon as the machine is at it. */
    async function begin(...args: string[]): Promise<BuildfleetProcess> {
      writeFileSync(join(project, 'slow'), '');
      const cli = new BuildfleetProcess(args, { env: fleet.environment, cwd: project });
      await until('the build runs', 30, () =>
        readdirSync(build).some((name) => existsSync(join(build, name, 'started.o'))),
      );
      for (const name of readdirSync(build)) rmSync(join(build, name, 'started.o'), { force: true });
      rmSync(join(project, 'slow'));
      return cli;
    }

    const LOST = 'The connection is lost during a build';

    test('connection lost during a build', async () => {
      await fleet.heartbeat();
      await fleet.untilHealthy();
      const cli = await begin('build');
      let said = '';
      cli.child.stderr.on('data', (text: string) => (said += text));
      await fleet.machine.dispose();
      await until('the loss is told', 30, () => said.includes('waiting until'));
      requireDocumented(await fleet.sentences(), documentedLines('The tunnel is not up', 'buildfleet status'), true);
      await fleet.machine.start();
      const { stderr, exitCode } = await cli.finished;
      requireDocumented(printedLines(stderr), documentedLines(LOST, 'buildfleet build'));
      expect(exitCode).toBe(0);
      await fleet.heartbeat();
      await fleet.untilHealthy();
    });

    test('connection lost during another command', async () => {
      const line = 'buildfleet exec --project . -- cabal bench';
      const cli = await begin(...line.split(' ').slice(1));
      await fleet.machine.dispose();
      const { stderr, exitCode } = await cli.finished;
      await fleet.machine.start();
      requireDocumented(printedLines(stderr), documentedLines(LOST, line));
      expect(exitCode).toBe(255);
      expect(await fleet.sentences()).toEqual([]);
    });
  });
});
