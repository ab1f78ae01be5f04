import { mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProject } from '../../../../src/cli/project/find-project';
import { FleetError, isFleetError } from '../../../../src/model/errors';
import { temporaryDirectory } from '../../../support/temporary-directory';

let base: string;
let home: string;
let app: string;

beforeEach(() => {
  base = realpathSync(temporaryDirectory());
  home = join(base, 'home/somebody');
  app = join(home, 'app');
  mkdirSync(join(app, 'lib/src'), { recursive: true });
  writeFileSync(join(app, 'cabal.project'), 'packages: lib\n');
  writeFileSync(join(app, 'lib/lib.cabal'), '');
});

const find = (cwd: string, option?: string, cabal = true) => findProject({ option, cwd, home, cabal });

function failure(action: () => unknown): FleetError {
  try {
    action();
  } catch (error) {
    if (isFleetError(error)) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

test('the project around the working directory is the nearest with a cabal.project', () => {
  expect(find(app)).toEqual({ root: app, subdirectory: '', packageDirectory: '' });
  expect(find(join(app, 'lib/src'))).toEqual({ root: app, subdirectory: 'lib/src', packageDirectory: 'lib' });
});

test('without a cabal.project it is the nearest package', () => {
  rmSync(join(app, 'cabal.project'));
  expect(find(join(app, 'lib/src'))).toEqual({ root: join(app, 'lib'), subdirectory: 'src', packageDirectory: '' });
});

test('that of a given directory is found in the same way, by its real path', () => {
  symlinkSync(join(app, 'lib'), join(home, 'link'));
  const lib = { root: app, subdirectory: 'lib', packageDirectory: 'lib' };
  expect(find(base, join(home, 'link'))).toEqual(lib);
  expect(find(app, 'lib')).toEqual(lib);
  expect(find(base, '~/app')).toEqual({ root: app, subdirectory: '', packageDirectory: '' });
});

test('from a directory that is not sent cabal runs in the package, or at the root', () => {
  mkdirSync(join(app, 'lib/dist-newstyle/x'), { recursive: true });
  mkdirSync(join(app, 'result/bin'), { recursive: true });
  expect(find(join(app, 'lib/dist-newstyle/x'))).toMatchObject({ root: app, packageDirectory: 'lib' });
  expect(find(join(app, 'result/bin'))).toMatchObject({ root: app, packageDirectory: '' });
});

test('a package above the cabal.project is not the one that is meant', () => {
  writeFileSync(join(home, 'app.cabal'), '');
  const outer = join(home, 'outer');
  mkdirSync(join(outer, 'inner/src'), { recursive: true });
  writeFileSync(join(outer, 'outer.cabal'), '');
  writeFileSync(join(outer, 'inner/cabal.project'), '');
  expect(find(join(outer, 'inner/src'))).toEqual({
    root: join(outer, 'inner'),
    subdirectory: 'src',
    packageDirectory: '',
  });
});

test('a command other than cabal takes any directory', () => {
  const notes = join(home, 'notes');
  mkdirSync(notes);
  expect(find(notes, undefined, false)).toEqual({ root: notes, subdirectory: '', packageDirectory: '' });
  expect(failure(() => find(notes)).code).toBe('project-not-cabal');
});

test.each([
  ['nothing', '', 'empty'],
  ['blanks', '  ', 'empty'],
  ['the root', '/', 'root of the file system'],
  ['the root in other words', '/usr/..', 'root of the file system'],
  ['the directory above', '..', 'leads upwards'],
  ['a path that leads up', 'lib/../..', 'leads upwards'],
])('%s is refused', (_, option, message) => {
  const error = failure(() => find(app, option, false));
  expect(error).toMatchObject({ code: 'project-refused', received: JSON.stringify(option) });
  expect(error.problem).toContain(message);
});

test('what is not there is not there, also above', () => {
  expect(failure(() => find(app, '../nope', false))).toMatchObject({
    code: 'project-not-found',
    received: '"../nope"',
  });
});

test('a home, and what holds one, is refused, also by another name and as the working directory', () => {
  symlinkSync(home, join(base, 'other'));
  for (const option of [home, `${home}/`, join(base, 'home'), base, join(base, 'other'), '~'])
    expect(failure(() => find(app, option, false)).code).toBe('project-refused');
  expect(failure(() => find(home, undefined, false)).code).toBe('project-refused');
});

test('a cabal.project in a home is not found from below', () => {
  writeFileSync(join(home, 'cabal.project'), '');
  mkdirSync(join(home, 'other'));
  expect(failure(() => find(join(home, 'other'))).code).toBe('project-not-cabal');
});

test('what is missing, or no directory, is said', () => {
  expect(failure(() => find(app, 'missing'))).toMatchObject({ code: 'project-not-found', received: '"missing"' });
  expect(failure(() => find(app, 'cabal.project')).problem).toContain('not a directory');
});
