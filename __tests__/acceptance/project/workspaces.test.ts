import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { workspaceListSchema } from '../../../src/cli/workspaces/report';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { describeAsRoot, WORK_TOOLS, WorkFleet } from './support/work-fleet';

jest.setTimeout(120_000);

describeAsRoot('workspaces of stand-in machines (needs root)', () => {
  describeWithTools(WORK_TOOLS, 'with real tools', () => {
    let fleet: WorkFleet;

    beforeAll(async () => {
      fleet = await WorkFleet.create('alpha');
    });

    afterAll(() => fleet.dispose());

    test('they are listed with their projects, and removed unless they are in use', async () => {
      const [root, busy] = [fleet.makeProject(), fleet.makeProject()];
      await fleet.cli(root, 'sync', '--vm', 'alpha');
      const build = await fleet.slowBuild(busy, '--vm', 'alpha');
      const listed = async () => {
        const { stdout, exitCode } = await fleet.cli(root, 'workspaces', '--json');
        expect(exitCode).toBe(0);
        return workspaceListSchema.parse(JSON.parse(stdout.toString())).workspaces;
      };
      const entries = await listed();
      expect(entries.map(({ project, inUse }) => [project, inUse]).sort()).toEqual(
        [
          [root, false],
          [busy, true],
        ].sort(),
      );
      const [idle, used] = [fleet.workspaceOf(root), fleet.workspaceOf(busy)];
      mkdirSync(join(idle, 'locked'));
      const refused = await fleet.cli(root, 'workspaces', 'rm', basename(used), '.');
      expect(refused.exitCode).toBe(4);
      expect(refused.stderr).toContain('haskell-build-alpha works in the workspace');
      expect(existsSync(used)).toBe(true);
      expect(existsSync(idle)).toBe(false);
      expect((await listed()).map(({ project }) => project)).toEqual([busy]);
      build.cli.child.kill('SIGINT');
      await build.cli.finished;
      expect((await fleet.cli(root, 'workspaces', 'rm', busy)).exitCode).toBe(0);
      const missing = await fleet.cli(root, 'workspaces', 'rm', basename(used));
      expect(missing.exitCode).toBe(3);
      expect((await fleet.cli(root, 'workspaces', 'rm', '../x')).exitCode).not.toBe(0);
      expect((await fleet.cli(root, 'sync', '--vm', 'alpha')).exitCode).toBe(0);
    });

    test('one that was not used for 30 days goes when another is opened, and none that is in use', async () => {
      const [old, busy, recent, other] = Array.from({ length: 4 }, () => fleet.makeProject());
      const roots = [old, busy, recent, other].map((root) => root ?? '');
      for (const root of [roots[0], roots[2]]) await fleet.cli(root ?? '', 'sync', '--vm', 'alpha');
      const build = await fleet.slowBuild(roots[1] ?? '', '--vm', 'alpha');
      const books = join(fleet.directory, 'alpha/build/.buildfleet');
      const age = (root: string, days: number) => {
        const file = join(books, `${basename(fleet.workspaceOf(root))}.who`);
        const [who, , project] = readFileSync(file, 'utf8').split('\n');
        writeFileSync(file, `${who}\n${Math.floor(Date.now() / 1000) - days * 86_400}\n${project}\n`);
      };
      age(roots[0] ?? '', 31);
      age(roots[1] ?? '', 31);
      age(roots[2] ?? '', 29);
      const [gone, kept, young] = roots.map((root) => fleet.workspaceOf(root));
      rmSync(join(books, 'expired'), { force: true });
      await fleet.cli(roots[3] ?? '', 'sync', '--vm', 'alpha');
      await until('the old one is gone', 20, () => !existsSync(gone ?? ''));
      // Books are removed last.
      await until('its books are gone', 20, () => !existsSync(join(books, `${basename(gone ?? '')}.who`)));
      expect([kept, young].map((path) => existsSync(path ?? ''))).toEqual([true, true]);
      build.cli.child.kill('SIGINT');
      await build.cli.finished;
    });
  });
});
