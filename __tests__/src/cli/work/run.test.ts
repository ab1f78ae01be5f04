import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from '../../../../src/cli/context';
import type { SourcesRequest } from '../../../../src/cli/work/project-work';
import { cabal } from '../../../../src/cli/work/run';
import type { WorkspaceCommand } from '../../../../src/cli/work/run-in-workspace';
import { temporaryDirectory } from '../../../support/temporary-directory';

let mockRequest: SourcesRequest | undefined;
let mockCommand: WorkspaceCommand | undefined;

const mockVersion = (ghc: string | undefined) => (ghc === '9.8' ? '9.8.4' : ghc);

/** A machine that has every GHC that it is asked for. */
const mockVm = { id: 'alpha', name: 'haskell-build-alpha' };

jest.mock('../../../../src/cli/context', () => ({
  ...jest.requireActual<object>('../../../../src/cli/context'),
  openFleet: () => ({}),
}));
jest.mock('../../../../src/cli/work/project-work', () => ({
  ProjectWork: class {
    constructor(readonly context: Context) {}

    withSources(request: SourcesRequest, action: (place: object, sent: Promise<void>) => unknown) {
      mockRequest = request;
      return action(
        { vm: mockVm, workspace: 'me-app-0123456789ab', ghcVersion: mockVersion(request.ghc) },
        Promise.resolve(),
      );
    }
  },
}));
jest.mock('../../../../src/cli/work/run-in-workspace', () => ({
  runInWorkspace: (_: unknown, command: WorkspaceCommand) => {
    mockCommand = command;
    return Promise.resolve(0);
  },
}));

let home: string;
let app: string;
let said: string[];

beforeEach(() => {
  [mockRequest, mockCommand, said] = [undefined, undefined, []];
  home = realpathSync(temporaryDirectory());
  app = join(home, 'app');
  mkdirSync(join(app, 'core'), { recursive: true });
  writeFileSync(join(app, 'app.cabal'), '');
  writeFileSync(join(app, 'core/core.cabal'), '');
  project('packages: . core\n');
  jest.spyOn(process, 'cwd').mockReturnValue(app);
});

afterEach(() => {
  jest.restoreAllMocks();
});

function project(text: string): void {
  writeFileSync(join(app, 'cabal.project'), text);
}

/** What cabal is called with, and the version that is asked for. */
async function called(
  task: Parameters<typeof cabal>[1],
  words: readonly string[],
  rest: readonly string[] = [],
  options: { ghc?: string } = {},
) {
  const terminal = { message: (text: string) => said.push(text) };
  const context = { home, environment: {}, terminal, signal: new AbortController().signal } as unknown as Context;
  await cabal(context, task, options, words, rest);
  return [mockCommand?.argv.slice(1).join(' '), mockRequest?.ghc];
}

test.each([
  ['build', [], [], 'build all'],
  ['build', [], ['-O0'], 'build all -O0'],
  ['build', ['exe:foo', 'lib:x'], ['-O0'], 'build exe:foo lib:x -O0'],
  ['build', ['all'], [], 'build all'],
  ['build', ['core'], [], 'build'],
  ['build', ['core', 'exe:foo'], [], 'build ./ exe:foo'],
  ['run', [], ['exe:foo', '--', '-x'], 'run exe:foo -- -x'],
  ['run', ['exe:foo'], ['-x', '--'], 'run exe:foo -- -x --'],
  ['run', ['exe:foo'], [], 'run exe:foo'],
  ['test', ['pkg:test:suite'], [], 'test pkg:test:suite'],
] as const)('%s with the words %j and %j is `cabal %s`', async (task, words, rest, expected) => {
  expect(await called(task, words, rest)).toEqual([expected, undefined]);
});

test.each([
  ['with-compiler: ghc-9.8.4', [], {}, 'build all', '9.8.4'],
  ['with-compiler: ghc-9.8.4', [], { ghc: '9.6' }, 'build --with-compiler=ghc-9.6 all', '9.6'],
  ['with-compiler: ghc-9.8.4', ['-w', 'ghc-9.6.6'], {}, 'build --with-compiler=ghc-9.6.6 all', '9.6.6'],
  ['with-compiler: ghc-9.8.4', ['-w', 'ghc'], {}, 'build all -w ghc', undefined],
  ['with-compiler: ghc-9.8', [], {}, 'build --with-compiler=ghc-9.8.4 all', '9.8'],
  ['', ['-w', '/opt/ghc/9.6.6/bin/ghc'], {}, 'build --with-compiler=ghc-9.6.6 all', '9.6.6'],
  ['with-compiler: ghc-9.8.4', ['--ignore-project'], {}, 'build all --ignore-project', undefined],
  ['with-compiler: /usr/bin/ghc', [], {}, 'build all', undefined],
])('in a project with `%s`, the options %j and %j', async (line, rest, options, expected, ghc) => {
  project(`packages: . core\n${line}\n`);
  expect(await called('build', [], rest, options)).toEqual([expected, ghc]);
});

test('a path of this workstation stands for the GHC of its version, and that is said', async () => {
  project('packages: . core\nwith-compiler: /opt/ghc/9.8.4/bin/ghc\n');
  expect(await called('build', [])).toEqual(['build --with-compiler=ghc-9.8.4 all', '9.8.4']);
  expect(said).toEqual([
    `${app}/cabal.project:2 names a path of this workstation: GHC 9.8.4 of haskell-build-alpha is taken`,
  ]);
});

test('packages outside are refused before a machine is asked, and hpack runs where it has to', async () => {
  mkdirSync(join(home, 'mono/lib'), { recursive: true });
  project('packages: ../mono/lib\n');
  await expect(called('build', [])).rejects.toMatchObject({ code: 'packages-outside' });
  expect(mockRequest).toBeUndefined();
  project('packages: . core hp\n');
  mkdirSync(join(app, 'hp'));
  writeFileSync(join(app, 'hp/package.yaml'), '');
  await called('build', []);
  expect(mockCommand?.prepare).toMatch(/^hpack_directories=\(\S*\.\/hp\S*\) hpack_vm=\S*alpha/);
});
