import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deployLineSchema, deployResultSchema } from '../../../src/cli/deploy/result';
import { run } from '../../../src/process/run';
import { processesMatching } from '../../support/running-fleet';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { buildfleet, BuildfleetProcess } from '../../support/buildfleet';
import { temporaryDirectory } from '../../support/temporary-directory';

jest.setTimeout(60_000);

const SUPPORT = join(__dirname, 'support');

let directory: string;
let calls: () => Record<string, unknown>[];

beforeEach(() => {
  directory = temporaryDirectory();
  writeFileSync(join(directory, 'cdktf.json'), '{"language":"typescript","app":"true"}');
  mkdirSync(join(directory, 'node_modules/.bin'), { recursive: true });
  symlinkSync(join(SUPPORT, 'fake-cdktf'), join(directory, 'node_modules/.bin/cdktf'));
  const file = join(directory, 'calls.jsonl');
  calls = () =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Record<string, unknown>)
      : [];
});

const options = (script = '', env: Record<string, string> = {}) => ({
  cwd: directory,
  env: { TERRAFORM_BINARY_NAME: 'fake-terraform', FAKE_TERRAFORM: script, ...env },
});
const ours = () => processesMatching((argv) => argv.some((word) => word.includes(directory)));
/** Waits for the work of a hanging deploy to be under way. */
const untilHanging = () =>
  until('the fake Terraform hangs', 20, () => {
    const journals = join(directory, 'state/journal');
    return existsSync(journals) && readdirSync(journals).some((name) => name.endsWith('.jsonl'));
  });

test('runs cdktf as the Makefile does, with approval, and says what the journal says', async () => {
  const result = await buildfleet(['deploy', '--yes'], options());
  const lines = result.stderr.split('\n');
  for (const line of ['smoke test passed', 'alpha: created (1 s)']) expect(lines).toContain(line);
  expect(lines[0]).toBe('fleet: synthesizing');
  expect(result.stderr).toMatch(/^alpha: waiting for the tunnel \(\d+ s\)$/m);
  expect(lines.at(-2)).toMatch(/^fleet: 1 added, 0 changed, 0 destroyed in \d+ s$/);
  expect(result).toMatchObject({ exitCode: 0, stdout: Buffer.from('') });
  expect(calls()).toEqual([
    {
      argv: ['deploy', 'fleet', '--auto-approve'],
      run: expect.stringMatching(/^\d{8}T\d{6}Z-\d+$/),
      terraform: 'fake-terraform',
      checkpoint: '1',
      cwd: directory,
    },
  ]);
});

test('--quiet leaves messages out, and --json gives the events and a result', async () => {
  const quiet = await buildfleet(['deploy', 'fleet', '--yes', '--quiet'], options());
  expect(quiet).toMatchObject({ exitCode: 0, stderr: '', stdout: Buffer.from('') });

  const json = await buildfleet(['deploy', '--yes', '--json'], options());
  const lines = json.stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => deployLineSchema.parse(JSON.parse(line)));
  expect(lines.map(({ event }) => event)).toEqual(['begin', 'step', 'end', 'result']);
  const result = deployResultSchema.parse(lines.at(-1));
  expect(result).toMatchObject({
    ...{ command: 'deploy', stack: 'fleet', exitCode: 0, interrupted: false, errors: [] },
    ...{ planned: { add: 1, change: 0, destroy: 0 }, done: { add: 1, change: 0, destroy: 0 } },
  });
  expect(readFileSync(result.log ?? '', 'utf8')).toContain('Apply complete! Resources: 1 added');
  expect(json.stderr).toBe('');
});

test('a failure: the error in full at the end, the log, and cdktf’s exit code', async () => {
  const result = await buildfleet(['deploy', '--yes'], options('fails', { FAKE_EXIT_CODE: '7' }));
  expect(result.exitCode).toBe(7);
  expect(result.stderr).toContain('alpha: FAILED (1 s)');
  const [, log = ''] =
    /\nError: haskell-build-alpha: the VM was not ready\n\n {2}with buildfleet_vm.alpha\n\nDeploy again\.\n\neverything that was printed: (\S+)\n$/.exec(
      result.stderr,
    ) ?? [];
  expect(readFileSync(log, 'utf8')).toContain('Invoking Terraform CLI failed with exit code 1');
});

test('Ctrl-C reaches Terraform once, cdktf not at all, and the end is waited for', async () => {
  const deploy = new BuildfleetProcess(['deploy', '--yes'], { ...options('hangs'), input: '' });
  await untilHanging();
  deploy.child.kill('SIGINT');
  await until('Terraform was told', 10, () => calls().length > 1);
  deploy.child.kill('SIGINT');
  deploy.child.kill('SIGTERM');
  const result = await deploy.finished;
  expect(result.exitCode).toBe(130);
  expect(calls().slice(1)).toEqual([{ signal: 'SIGINT', to: 'terraform' }]);
  expect(result.stderr).toContain('interrupted: Terraform and the provider end what cannot be left half done\n');
  expect(result.stderr).toContain('alpha: interrupted (1 s)');
  expect(ours()).toEqual([]);
});

test('Ctrl-C during synth ends cdktf', async () => {
  const deploy = new BuildfleetProcess(['deploy', '--yes'], { ...options('synth-hangs'), input: '' });
  await until('cdktf runs', 20, () => calls().length > 0);
  deploy.child.kill('SIGINT');
  expect((await deploy.finished).exitCode).toBe(130);
  expect(calls().slice(1)).toEqual([{ signal: 'SIGINT', to: 'cdktf' }]);
  expect(ours()).toEqual([]);
});

test('diff prints the plan as data, and keeps no log', async () => {
  const result = await buildfleet(['diff', 'laptops'], options());
  expect(result.exitCode).toBe(0);
  expect(result.stdout.toString()).toBe(
    'Terraform used the selected providers to generate the following execution plan.\nPlan: 1 to add, 0 to change, 0 to destroy.\n',
  );
  expect(calls()).toEqual([expect.objectContaining({ argv: ['diff', 'laptops'] })]);
  expect(existsSync(join(directory, 'state'))).toBe(false);
});

test('without --yes and a terminal nothing is started', async () => {
  for (const command of ['deploy', 'destroy']) {
    const result = await buildfleet([command], options());
    expect(result).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('give --yes') });
  }
  expect(calls()).toEqual([]);
});

test('elsewhere than in a project nothing is started', async () => {
  rmSync(join(directory, 'cdktf.json'));
  expect(await buildfleet(['diff'], options())).toMatchObject({
    exitCode: 3,
    stderr: `buildfleet: ${directory}: there is no cdktf.json: change to the directory of the main.ts that describes the fleet\n`,
  });
  writeFileSync(join(directory, 'cdktf.json'), '{');
  expect((await buildfleet(['diff'], options())).exitCode).toBe(3);
});

test('without cdktf the error says how to get it', async () => {
  rmSync(join(directory, 'node_modules'), { recursive: true });
  const node = join(directory, 'programs');
  mkdirSync(node);
  symlinkSync(process.execPath, join(node, 'node'));
  const result = await buildfleet(['diff'], options('', { PATH: node }));
  expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('run `npm ci` there') });
});

describeWithTools(['python3'], 'in a terminal', () => {
  const terminal = async (columns: number, script: readonly string[], args: readonly string[], fake = '') => {
    const program = join(SUPPORT, '../../../../bin/buildfleet');
    const result = await run(
      'python3',
      ['-B', join(SUPPORT, 'in-terminal.py'), String(columns), ...script, '--', program, ...args],
      { ...options(fake, { TERM: 'xterm' }), acceptExitCodes: [0, 1, 130] },
    );
    return { exitCode: result.exitCode, lines: result.stdout.split(/\r?\n/), text: result.stdout };
  };

  test('a deploy shows its plan, asks, and draws', async () => {
    const { exitCode, text, lines } = await terminal(60, ['[y/N] ', 'y'], ['deploy']);
    expect(exitCode).toBe(0);
    expect(text).toMatch(/Plan: 1 to add, 0 to change, 0 to destroy\.\s+.*Deploy these changes to fleet\? \[y\/N\]/);
    expect(text).toMatch(/\[32malpha: created/);
    expect(text).toMatch(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] fleet: /);
    expect(text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(text.lastIndexOf('\u001b[?25l'));
    expect(lines.at(-2)).toMatch(/fleet: 1 added, 0 changed, 0 destroyed/);
    expect(calls().map(({ argv }) => argv)).toEqual([
      ['diff', 'fleet'],
      ['deploy', 'fleet', '--auto-approve'],
    ]);
  });

  test.each(['n', '', '^C'])('%j to the question changes nothing', async (answer) => {
    const { exitCode, text } = await terminal(80, ['[y/N] ', answer], ['deploy']);
    expect(exitCode).toBe(1);
    expect(text).toContain('nothing was changed');
    expect(calls().map(({ argv }) => argv)).toEqual([['diff', 'fleet']]);
  });

  test('Ctrl-C typed twice interrupts Terraform once', async () => {
    const script = ['waiting for the tunnel', '^C', 'interrupted', '^C'];
    const { exitCode, text } = await terminal(80, script, ['deploy', '--yes'], 'hangs');
    expect(exitCode).toBe(130);
    expect(text).toContain('alpha: interrupted');
    expect(calls().slice(1)).toEqual([{ signal: 'SIGINT', to: 'terraform' }]);
    expect(ours()).toEqual([]);
  });
});
