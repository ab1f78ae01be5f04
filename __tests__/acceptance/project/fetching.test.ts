import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fetchReportSchema } from '../../../src/cli/fetch/report';
import { listProcesses } from '../../../src/process/process-identity';
import { run } from '../../../src/process/run';
import { buildfleet } from '../../support/buildfleet';
import { MountedDirectory } from '../../support/mounted-directory';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { describeAsRoot, WORK_TOOLS, WorkFleet } from './support/work-fleet';

jest.setTimeout(120_000);

describeAsRoot('fetching from stand-in machines (needs root)', () => {
  describeWithTools(WORK_TOOLS, 'with real tools', () => {
    let fleet: WorkFleet;

    beforeAll(async () => {
      fleet = await WorkFleet.create('alpha', 'beta');
    });

    afterAll(() => fleet.dispose());

    afterEach(() => fleet.untilQuiet());

    const makeProject = () => fleet.makeProject();
    const cli = (cwd: string, ...args: string[]) => fleet.cli(cwd, ...args);
    const workspaceOf = (root: string, id?: string) => fleet.workspaceOf(root, id);

    test('fetch brings what was built, whole, and it is not sent back', async () => {
      const root = makeProject();
      expect((await cli(root, 'fetch')).stderr).toContain('run `buildfleet build` first');
      await cli(root, 'build', '--vm', 'beta');
      const { stdout } = await cli(root, 'fetch');
      expect(stdout.toString()).toBe('result/bin/app\n');
      expect((await run(join(root, 'result/bin/app'), [])).stdout).toBe('built from one\n');
      const app = join(root, 'result/bin/app');
      const { ino } = statSync(app);
      chmodSync(app, 0o4777);
      const again = await cli(root, 'fetch', '--json');
      // what is there already was not sent again
      expect(statSync(app)).toMatchObject({ ino, mode: 0o100755 });
      expect(fetchReportSchema.parse(JSON.parse(again.stdout.toString()))).toMatchObject({
        vm: 'haskell-build-beta',
        files: [{ kind: 'executable', name: 'app', path: join(root, 'result/bin/app') }],
      });
      const whole = readFileSync(app);
      writeFileSync(app, Buffer.from(whole).fill('x', 0, 1));
      await cli(root, 'fetch');
      expect(readFileSync(app)).toEqual(whole);
      await cli(root, 'sync', '--vm', 'beta');
      expect(existsSync(join(workspaceOf(root, 'beta'), 'result'))).toBe(false);

      const to = join(fleet.directory, 'elsewhere');
      mkdirSync(to);
      symlinkSync(fleet.directory, join(to, 'bin'));
      const refused = await cli(root, 'fetch', '--to', to);
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr).toContain('symbolic link, which may lead anywhere');
      expect(existsSync(join(fleet.directory, 'app'))).toBe(false);

      const all = await cli(root, 'fetch', '--all');
      expect(all.exitCode).toBe(0);
      expect(existsSync(join(root, 'dist-newstyle/cache/plan.json'))).toBe(true);
      rmSync(join(root, 'dist-newstyle/.buildfleet-fetched'));
      expect((await cli(root, 'fetch', '--all')).stderr).toContain('this was built here');
    });

    test('what a command there changed is said when a sync replaces it, and comes back by --path', async () => {
      const root = fleet.makeProject({ 'golden/out.txt': 'expected' });
      await cli(root, 'build', '--vm', 'alpha');
      const there = workspaceOf(root);
      writeFileSync(join(there, 'golden/out.txt'), 'accepted');
      writeFileSync(join(there, 'cabal.project.freeze'), 'frozen');
      const { stderr } = await cli(root, 'build', '--vm', 'alpha');
      expect(stderr).toContain(
        'changed or made on haskell-build-alpha, and not the same here, so put aside there: cabal.project.freeze, golden/out.txt; ',
      );
      expect(readFileSync(join(there, 'golden/out.txt'), 'utf8')).toBe('expected');
      const fetched = await cli(root, 'fetch', '--vm', 'alpha', '--path', 'golden/**', '--path', '*.freeze');
      expect(fetched.stdout.toString()).toBe('cabal.project.freeze\ngolden/out.txt\n');
      expect(readFileSync(join(root, 'golden/out.txt'), 'utf8')).toBe('accepted');
      expect((await cli(root, 'build', '--vm', 'alpha')).stderr).not.toContain('put aside');
      expect(readFileSync(join(there, 'golden/out.txt'), 'utf8')).toBe('accepted');

      const none = await cli(root, 'fetch', '--vm', 'alpha', '--path', 'none');
      expect(none.stderr).toContain('no file of this project on haskell-build-alpha matches');
      expect(none.exitCode).toBe(3);
      expect((await cli(root, 'fetch', '--all', '--path', 'none')).exitCode).toBe(2);
    });

    test('what --builddir named stays over a sync, and what was fetched is not sent back', async () => {
      const root = makeProject();
      await cli(root, 'build', '--vm', 'alpha');
      const there = workspaceOf(root);
      // as cabal leaves it
      mkdirSync(join(there, 'dist-x/cache'), { recursive: true });
      writeFileSync(join(there, 'dist-x/cache/improved-plan'), '');
      await cli(root, 'build', '--vm', 'alpha', '--', '--builddir=out/dist');
      writeFileSync(join(there, 'out/dist/Main.x'), '');
      await cli(root, 'sync', '--vm', 'alpha');
      expect(existsSync(join(there, 'dist-x/cache/improved-plan'))).toBe(true);
      expect(existsSync(join(there, 'out/dist/Main.x'))).toBe(true);

      mkdirSync(join(root, 'src'));
      for (const args of [
        ['--to', 'mine'],
        ['--to', '.'],
      ])
        await cli(root, 'fetch', '--vm', 'alpha', ...args);
      await cli(join(root, 'src'), 'fetch', '--vm', 'alpha');
      for (const place of ['mine', 'src/result', '.']) expect(existsSync(join(root, place, 'bin/app'))).toBe(true);
      await cli(root, 'sync', '--vm', 'alpha');
      for (const place of ['mine', 'src/result', '.']) expect(existsSync(join(there, place, 'bin/app'))).toBe(false);
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

    test('what comes runs as no other account, and no other account can write to it', async () => {
      const root = makeProject();
      await cli(root, 'build', '--vm', 'alpha');
      const there = join(workspaceOf(root), 'dist-newstyle');
      chmodSync(join(there, 'build/app/app'), 0o6777);
      chmodSync(join(there, 'build'), 0o3777);
      chmodSync(join(there, 'cache'), 0o500);
      await cli(root, 'fetch', '--vm', 'alpha');
      await cli(root, 'fetch', '--vm', 'alpha', '--all');
      const mode = (path: string) => (statSync(join(root, path)).mode & 0o7777).toString(8);
      expect(mode('result/bin/app')).toBe('755');
      expect(mode('dist-newstyle/build/app/app')).toBe('755');
      expect(mode('dist-newstyle/build')).toBe('755');
      expect(mode('dist-newstyle/cache')).toBe('700');
    });

    test('an endless answer ends a fetch with one error', async () => {
      const root = makeProject();
      await cli(root, 'build', '--vm', 'alpha');
      const plan = join(workspaceOf(root), 'dist-newstyle/cache/plan.json');
      rmSync(plan);
      symlinkSync('/dev/zero', plan);
      const { exitCode, stderr } = await cli(root, 'fetch', '--vm', 'alpha');
      expect(stderr).toMatch(/^buildfleet: fetch on haskell-build-alpha printed more than 32 MiB and was ended: .*\n$/);
      expect(exitCode).toBe(1);
    });

    test('more than the limit is not fetched, and Ctrl-C ends the wait for checksums', async () => {
      const root = makeProject();
      await cli(root, 'build', '--vm', 'alpha');
      const there = join(workspaceOf(root), 'dist-newstyle/build/app/app');
      truncateSync(there, 60 * 2 ** 30);
      const refused = await cli(root, 'fetch', '--vm', 'alpha');
      expect(refused.stderr).toMatch(
        /^buildfleet: what haskell-build-alpha has is larger than the limit of 10240 MiB: 61440 MiB: .*--limit.*\n$/,
      );
      expect(refused.exitCode).toBe(1);

      const fetching = fleet.start(root, 'fetch', '--vm', 'alpha', '--limit', '100GiB');
      const summing = () => listProcesses().filter(({ argv }) => argv[0] === 'sha256sum');
      await until('the machine computes checksums', 20, () => summing().length > 0);
      const begin = performance.now();
      fetching.child.kill('SIGINT');
      expect((await fetching.finished).exitCode).toBe(130);
      expect(performance.now() - begin).toBeLessThan(3000);
      await until('the machine has stopped', 10, () => summing().length === 0);

      truncateSync(there, 3 * 2 ** 20);
      const all = await cli(root, 'fetch', '--vm', 'alpha', '--all', '--limit', '2MiB');
      expect(all.stderr).toMatch(/^buildfleet: what haskell-build-alpha has is larger than the limit of 2 MiB: /);
      expect(all.exitCode).toBe(1);
    });

    test('what arrives damaged is not put in place', async () => {
      const root = makeProject();
      await cli(root, 'build', '--vm', 'alpha');
      // A fake rsync, which brings everything and then writes into it.
      const bin = join(fleet.directory, 'damaging');
      mkdirSync(bin);
      const script = `PATH=\${PATH#*:} rsync "$@" || exit\nfor to; do :; done\nfind "$to" -type f -exec sh -c 'echo >>"$1"' - {} \\;\n`;
      writeFileSync(join(bin, 'rsync'), `#!/bin/sh\n${script}`, { mode: 0o755 });
      const env = { ...fleet.environment, PATH: `${bin}:${process.env['PATH'] ?? ''}` };
      const { exitCode, stderr } = await buildfleet(['fetch', '--vm', 'alpha'], { cwd: root, env });
      expect(stderr).toMatch(/app: what arrived is not what haskell-build-alpha has; nothing was put in place: /);
      expect(exitCode).toBe(1);
      expect(existsSync(join(root, 'result/bin'))).toBe(false);
    });

    test('a directory where a file has to go, and one that nothing can be written to, are one error', async () => {
      const root = makeProject();
      await cli(root, 'build', '--vm', 'alpha');
      mkdirSync(join(root, 'result/bin/app'), { recursive: true });
      const refused = await cli(root, 'fetch', '--vm', 'alpha');
      expect(refused.stderr).toMatch(/result\/bin\/app: there is a directory where a file has to go: /);
      expect(refused.exitCode).toBe(1);

      const disk = await MountedDirectory.mount(join(fleet.directory, 'disk'), 4);
      try {
        writeFileSync(join(disk.path, '.buildfleet-fetched'), '');
        await disk.makeReadOnly();
        const chosen = await cli(root, 'fetch', '--vm', 'alpha', '--to', disk.path);
        expect(chosen.stderr).toMatch(/^buildfleet: \S+: the file system is read-only: .*, then fetch again\n$/);
        expect(chosen.exitCode).toBe(1);
        const all = await cli(root, 'fetch', '--vm', 'alpha', '--all', '--to', disk.path);
        expect(all.stderr).toMatch(
          /^buildfleet: not everything could be brought from haskell-build-alpha: rsync: .*Read-only file system.*\n$/,
        );
        expect(all.exitCode).toBe(1);
      } finally {
        await disk.unmount();
      }
    });
  });
});
