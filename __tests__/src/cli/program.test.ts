import { parseLine } from '../../../src/cli/completion/bash-line';
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
  mockCalls = undefined;
  jest.restoreAllMocks();
});

type Work = (context: Context, ...rest: unknown[]) => unknown;

let mockCalls: { readonly work: string; readonly context: Context; readonly rest: unknown[] }[] | undefined;

/** What does the work of commands: once {@link record} is called, it only records what it is called with. */
function mockWork(path: string): Record<string, unknown> {
  const actual: Record<string, Work> = jest.requireActual(path);
  return Object.fromEntries(
    Object.entries(actual).map(([work, does]): [string, Work] => [
      work,
      (context, ...rest) => {
        if (mockCalls === undefined) return does(context, ...rest);
        mockCalls.push({ work, context, rest });
        return Promise.resolve(42);
      },
    ]),
  );
}

jest.mock('../../../src/cli/exec/run', () => mockWork('../../../src/cli/exec/run'));
jest.mock('../../../src/cli/exec/in-project', () => mockWork('../../../src/cli/exec/in-project'));
jest.mock('../../../src/cli/work/run', () => mockWork('../../../src/cli/work/run'));
jest.mock('../../../src/cli/status/run', () => mockWork('../../../src/cli/status/run'));
jest.mock('../../../src/cli/ports/run', () => mockWork('../../../src/cli/ports/run'));
jest.mock('../../../src/cli/image/run', () => mockWork('../../../src/cli/image/run'));

function record() {
  return (mockCalls = []) as NonNullable<typeof mockCalls>;
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
  const calls = record();
  expect(await main(argv)).toBe(42);
  expect(calls).toMatchObject([{ work: 'exec', rest: expected }]);
});

test('exec --project runs what stands there in a project', async () => {
  const calls = record();
  await main(['exec', '--project', '.', '--', 'cabal', 'haddock', '--all']);
  expect(calls).toMatchObject([{ work: 'execInProject', rest: [{ project: '.' }, ['cabal', 'haddock', '--all']] }]);
  await main(['exec', '--project', '--vm', 'beta', '--', 'ls', '-l']);
  expect(calls[1]).toMatchObject({ work: 'execInProject', rest: [{ project: undefined, vm: 'beta' }, ['ls', '-l']] });
});

test.each([
  [['build'], [{}, [], []]],
  [
    ['build', 'app', '--ghc', '9.8', 'exe:app'],
    [{ ghc: '9.8' }, ['app', 'exe:app'], []],
  ],
  [
    ['build', '--vm', 'beta', '--', 'exe:app', '--', '-O2'],
    [{ vm: 'beta' }, [], ['exe:app', '--', '-O2']],
  ],
  [
    ['build', 'app', '--', '--json'],
    [{}, ['app'], ['--json']],
  ],
])('%j gives cabal what stands behind the separator, and the words before it', async (argv, [options, words, rest]) => {
  const calls = record();
  await main(argv);
  expect(calls).toMatchObject([{ work: 'cabal', rest: ['build', options, words, rest] }]);
});

test.each([
  [
    ['build', '--enable-profiling'],
    [[], ['--enable-profiling']],
  ],
  [
    ['--quiet', 'build', 'exe:a', '-O2', '--vm', 'beta', '--flags', 'x y', '--', '-j1'],
    [['exe:a'], ['-O2', '--flags', 'x y', '-j1']],
  ],
  [
    ['test', '--vmm', 'beta', '--ghc=9.8'],
    [[], ['--vmm', 'beta']],
  ],
])('%j is told what stands where, and that line is understood', async (argv, [words, rest]) => {
  const calls = record();
  expect(await main(argv)).toBe(2);
  const [, line = ''] = /options for cabal stand behind --: `buildfleet (.*)`$/m.exec(stderr) ?? [];
  expect(await main(parseLine(line).words)).toBe(42);
  expect(calls).toMatchObject([{ work: 'cabal', rest: [expect.anything(), expect.anything(), words, rest] }]);
  expect(calls[0]?.rest[1]).toMatchObject(argv.includes('beta') && argv.includes('--vm') ? { vm: 'beta' } : {});
});

test.each([
  [['--fleet', 'f', '--json', 'status']],
  [['status', '--json', '--fleet', 'f']],
  [['--json', 'status', '--fleet=f']],
])('global options stand before or after the command: %j', async (argv) => {
  const calls = record();
  expect(await main(argv)).toBe(42);
  expect(calls).toMatchObject([{ work: 'status', context: { fleetOption: 'f', terminal: { json: true } } }]);
});

test('ports has defaults and takes the slot', async () => {
  const calls = record();
  await main(['ports', 'release', 'alpha']);
  expect(calls).toMatchObject([{ work: 'releaseSlot', rest: ['port-registry.yml', 'alpha'] }]);
});

test('image gc has defaults, and verify takes an image or none', async () => {
  const calls = record();
  await main(['image', 'gc']);
  await main(['image', 'gc', '--dry-run', '--min-age', '0', '--cache', '/c']);
  await main(['image', 'verify']);
  await main(['image', 'verify', 'haskell', '--definition', 'd.json']);
  expect(calls.map(({ work, rest }) => [work, ...rest])).toEqual([
    ['collectImages', { cache: undefined, dryRun: false, minAgeMinutes: 60 }],
    ['collectImages', { cache: '/c', dryRun: true, minAgeMinutes: 0 }],
    ['verify', undefined, {}],
    ['verify', 'haskell', { definition: 'd.json' }],
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
  const calls = record();
  expect(await main(argv)).toBe(42);
  expect(calls).toMatchObject([{ work: 'status', rest: [{ watch }] }]);
});

test.each(['0', '-1', 'soon', '1e9'])('status --watch=%s is no number of seconds', async (seconds) => {
  expect(await main(['status', `--watch=${seconds}`])).toBe(2);
  expect(stderr).toContain('give seconds');
});
