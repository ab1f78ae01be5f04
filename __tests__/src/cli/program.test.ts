import { load } from '../../../src/cli/commands/load';
import type { Context } from '../../../src/cli/context';
import { main } from '../../../src/cli/program';

let stdout: string;
let stderr: string;

beforeEach(() => {
  stdout = '';
  stderr = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => ((stdout += String(text)), true));
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => ((stderr += String(text)), true));
});

afterEach(() => {
  jest.restoreAllMocks();
});

/** Replaces a command by one that records what it is called with. */
function record(
  module: 'ssh' | 'smoke' | 'status' | 'image' | 'ports' | 'hub',
  name: string,
): { readonly calls: [Context, ...unknown[]][] } {
  const calls: [Context, ...unknown[]][] = [];
  const command = (...args: [Context, ...unknown[]]) => {
    calls.push(args);
    return Promise.resolve(42);
  };
  jest.spyOn(load, module).mockReturnValue({ [name]: command } as never);
  return { calls };
}

test.each([
  [
    ['exec', 'alpha', '--', 'ls', '-la'],
    ['alpha', ['ls', '-la']],
  ],
  [
    ['exec', 'alpha', 'ls', '-la'],
    ['alpha', ['ls', '-la']],
  ],
  [
    ['exec', 'alpha', '--', '--json', '--'],
    ['alpha', ['--json', '--']],
  ],
  [
    ['exec', 'alpha', '--', '--', 'x'],
    ['alpha', ['--', 'x']],
  ],
  [
    ['exec', 'alpha', '--', '', '-1'],
    ['alpha', ['', '-1']],
  ],
  [
    ['exec', '--json', 'alpha', 'true'],
    ['alpha', ['true']],
  ],
])('%j runs what stands there, unchanged', async (argv, expected) => {
  const { calls } = record('ssh', 'exec');
  expect(await main(argv)).toBe(42);
  expect(calls.map(([, ...rest]) => rest)).toEqual([expected]);
});

test.each([
  [['--fleet', 'f', '--json', 'status']],
  [['status', '--json', '--fleet', 'f']],
  [['--json', 'status', '--fleet=f']],
])('global options stand before or after the command: %j', async (argv) => {
  const { calls } = record('status', 'status');
  expect(await main(argv)).toBe(42);
  expect(calls[0]?.[0]).toMatchObject({ fleetOption: 'f', terminal: { json: true } });
});

test('ports has defaults and takes the slot', async () => {
  const { calls } = record('ports', 'releaseSlot');
  await main(['ports', 'release', 'alpha']);
  expect(calls[0]?.slice(1)).toEqual(['port-registry.yml', 'alpha']);
});

test('image gc has defaults, and verify takes an image or none', async () => {
  const gc = record('image', 'collectImages');
  await main(['image', 'gc']);
  await main(['image', 'gc', '--dry-run', '--min-age', '0', '--cache', '/c']);
  expect(gc.calls.map(([, options]) => options)).toEqual([
    { cache: undefined, dryRun: false, minAgeMinutes: 60 },
    { cache: '/c', dryRun: true, minAgeMinutes: 0 },
  ]);
  const { calls } = record('image', 'verify');
  await main(['image', 'verify']);
  await main(['image', 'verify', 'haskell', '--definition', 'd.json']);
  expect(calls.map(([, name, options]) => [name, options])).toEqual([
    [undefined, {}],
    ['haskell', { definition: 'd.json' }],
  ]);
});

test.each([
  [['image', 'gc', '--min-age', 'x'], /argument 'x' is invalid. give a whole number/],
  [['frobnicate'], /unknown command 'frobnicate'/],
  [['status', '--frob'], /unknown option '--frob'/],
  [['exec'], /missing required argument 'words'/],
  [['exec', 'alpha', '--'], /no command to run/],
  [['ports', 'release'], /missing required argument/],
])('%j is a usage error', async (argv, message) => {
  expect(await main(argv)).toBe(2);
  expect(stderr).toMatch(message);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stdout).toBe('');
});

test('a usage error is an object with --json', async () => {
  expect(await main(['status', '--json', '--frob'])).toBe(2);
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'usage' } });
});

test('help is data and documents the exit codes', async () => {
  expect(await main(['--help'])).toBe(0);
  expect(stdout).toMatch(/Exit codes:\n {2}0 +done/);
  expect(stderr).toBe('');
});

test('no command at all shows the help as an error', async () => {
  expect(await main([])).toBe(2);
  expect(stderr).toMatch(/^Usage: buildfleet/);
});

test.each([
  [['status'], undefined],
  [['status', '--watch'], 2],
  [['status', '--watch', '0.5', '--json'], 0.5],
])('%j looks every so many seconds, or once', async (argv, watch) => {
  const { calls } = record('status', 'status');
  expect(await main(argv)).toBe(42);
  expect(calls[0]?.[1]).toEqual({ watch });
});

test.each(['0', '-1', 'soon', '1e9'])('status --watch=%s is no number of seconds', async (seconds) => {
  expect(await main(['status', `--watch=${seconds}`])).toBe(2);
  expect(stderr).toContain('give seconds');
});
