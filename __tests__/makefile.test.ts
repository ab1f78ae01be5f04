import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { run } from '../src/process/run';
import { describeWithTools } from './support/tools';

const ROOT = resolve(__dirname, '..');

describeWithTools(['make', 'bash'], 'the Makefile of the checkout', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'buildfleet-makefile-'));
  });

  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  const commandsOf = async (...args: string[]) => (await run('make', ['-n', '-C', ROOT, ...args])).stdout;

  test.each(['STACK', 'TERRAFORM_BINARY_NAME'])('a function of make in %s is not run', async (variable) => {
    const mark = join(directory, 'executed');
    const value = `$(shell touch ${mark})`;
    await commandsOf('--always-make', 'diff', `${variable}=${value}`);
    // A target with a recipe that runs, for which make expands what it exports.
    await run('make', ['-C', ROOT, 'help', `${variable}=${value}`]);
    await run('make', ['-C', ROOT, 'help'], { env: { [variable]: value } });
    expect(existsSync(mark)).toBe(false);
  });

  test('stacks are words for cdktf and nothing for the shell', async () => {
    expect(await commandsOf('diff', 'STACK=fleet lap;tops')).toContain("cdktf diff 'fleet' 'lap;tops'\n");
    expect(await commandsOf('diff')).toContain("cdktf diff 'fleet'\n");
  });
});
