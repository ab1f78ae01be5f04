import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
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

  test('a checkout may have any name', async () => {
    const checkout = join(directory, "it's a $(b) #c");
    mkdirSync(checkout);
    cpSync(join(ROOT, 'Makefile'), join(checkout, 'Makefile'));
    const { stdout, stderr } = await run('make', ['-n', '-C', checkout, 'deploy']);
    expect(stdout).toContain("cdktf deploy 'fleet' --auto-approve\n");
    expect(stderr).toBe('');
    const own = join(checkout, 'node_modules/.bin/eslint');
    mkdirSync(dirname(own), { recursive: true });
    writeFileSync(own, '#!/bin/sh\necho "own eslint, $NODE_COMPILE_CACHE"\n', { mode: 0o755 });
    const linted = await run('make', ['-s', '-C', checkout, 'lint-style']);
    expect(linted.stdout).toContain(`own eslint, ${process.env['NODE_COMPILE_CACHE'] ?? `${checkout}/.cache/node`}`);
  });

  test('stacks are words for cdktf and nothing for the shell', async () => {
    expect(await commandsOf('diff', 'STACK=fleet lap;tops')).toContain("cdktf diff 'fleet' 'lap;tops'\n");
    expect(await commandsOf('diff')).toContain("cdktf diff 'fleet'\n");
  });
});
