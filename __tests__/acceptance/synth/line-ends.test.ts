import { readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from '../../../src/process/run';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';

const ROOT = resolve(__dirname, '../../..');
const MINUTE = 60_000;

describeWithTools(['git', 'bash', 'node'], 'a clone with core.autocrlf=true', () => {
  let clone: string;
  const inClone = (program: string, ...args: string[]) => run(program, args, { cwd: clone });

  beforeAll(async () => {
    clone = join(temporaryDirectory('buildfleet clone-'), 'buildfleet');
    await run('git', ['clone', '-q', '-c', 'core.autocrlf=true', '-c', 'core.safecrlf=false', ROOT, clone]);
    symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
  }, MINUTE);

  test('has the line ends of Linux in every text', async () => {
    const { stdout } = await inClone('git', 'ls-files', '--eol');
    const others = stdout
      .split('\n')
      .filter((line) => !/^(i\/lf +w\/lf|i\/-text +w\/-text|i\/none +w\/none|$)/.test(line));
    expect(others).toEqual([]);
  });

  test('has scripts that bash reads and run', async () => {
    const { stdout } = await inClone('git', 'ls-files', '-z', '*.sh', '.ci/run');
    for (const script of stdout.split('\0').filter(Boolean)) await inClone('bash', '-n', script);
    const refusal = await run('scripts/setup.sh', [], { cwd: clone, acceptExitCodes: [1] });
    expect(refusal.stderr).toContain('usage: setup.sh deploy|test');
  });

  test(
    'renders what the checkout has, the hashes of images with it',
    async () => {
      // a machine that has Terraform fetch providers from elsewhere makes no difference to this
      const synth = ['--unset=TF_CLI_CONFIG_FILE', process.execPath, '--require', './scripts/ts-node.cjs', 'main.ts'];
      await inClone('env', ...synth);
      expect((await inClone('git', 'status', '--porcelain', '--', 'rendered')).stdout).toBe('');
      for (const stack of ['fleet', 'laptops']) {
        const text = readFileSync(join(clone, 'rendered', stack, 'fleet.json'), 'utf8');
        expect(text).not.toContain('\r');
        expect(text).toMatch(/"definitionHash": "[0-9a-f]{64}"/);
      }
    },
    2 * MINUTE,
  );
});
