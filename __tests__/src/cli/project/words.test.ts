import { mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { understandWords } from '../../../../src/cli/project/words';
import { isFleetError } from '../../../../src/model/errors';
import { temporaryDirectory } from '../../../support/temporary-directory';

let home: string;
let app: string;

beforeEach(() => {
  home = realpathSync(temporaryDirectory());
  app = join(home, 'app');
  for (const name of ['core/src', 'web', 'all', 'docs']) mkdirSync(join(app, name), { recursive: true });
  writeFileSync(join(app, 'cabal.project'), 'packages: core web\n');
  for (const name of ['core', 'web']) writeFileSync(join(app, name, `${name}.cabal`), '');
  mkdirSync(join(home, 'other'));
  writeFileSync(join(home, 'other/other.cabal'), '');
});

function understand(cwd: string, ...words: string[]) {
  try {
    const { project, targets, isOnePackage } = understandWords(words, { cwd, home });
    return [project.root.slice(home.length + 1), project.packageDirectory, targets, isOnePackage];
  } catch (error) {
    if (isFleetError(error)) return error.code;
    throw error;
  }
}

test.each([
  ['', [], ['app', '', [], false]],
  ['', ['exe:foo'], ['app', '', ['exe:foo'], false]],
  ['', ['all'], ['app', '', ['all'], false]],
  ['', ['lib:x', 'pkg:test:suite'], ['app', '', ['lib:x', 'pkg:test:suite'], false]],
  ['core/src', ['exe:foo'], ['app', 'core', ['exe:foo'], false]],
  ['', ['nonsuch'], ['app', '', ['nonsuch'], false]],
  // Directories with a package, by name and by path.
  ['', ['core'], ['app', 'core', [], true]],
  ['', ['./core/'], ['app', 'core', [], true]],
  ['core', ['../web'], ['app', 'web', [], true]],
  ['', ['core', 'web'], ['app', 'core', ['./', './../web'], false]],
  ['', ['core', 'exe:foo'], ['app', 'core', ['./', 'exe:foo'], false]],
  // A directory of sources is what cabal takes it for; as a path it is the project around it.
  ['', ['docs'], ['app', '', ['docs'], false]],
  ['', ['./docs'], ['app', '', [], false]],
  // Other projects.
  ['', ['~/other'], ['other', '', [], false]],
  ['', ['~/other', 'exe:foo'], ['other', '', ['exe:foo'], false]],
  ['core', ['~/app', 'web'], ['app', '', ['web'], false]],
  ['', ['core', '~/other'], 'usage'],
  // Paths that cannot be projects.
  ['', [''], 'project-refused'],
  ['', ['..'], 'project-refused'],
  ['', ['../other'], 'project-refused'],
  ['', ['/'], 'project-refused'],
  ['', ['~'], 'project-refused'],
  ['', ['no/such'], 'project-not-found'],
])('in %j the words %j mean %j', (cwd, words, expected) => {
  expect(understand(join(app, cwd), ...words)).toEqual(expected);
});

test('outside of projects a name is a directory, where there is one', () => {
  mkdirSync(join(home, 'none/docs'), { recursive: true });
  expect(understand(join(home, 'none'), 'docs')).toBe('project-not-cabal');
  expect(understand(join(home, 'none'), 'exe:foo')).toBe('project-not-cabal');
});

test('a package for hpack is one, and a stack.yaml alone is answered with what cabal needs', () => {
  rmSync(join(app, 'cabal.project'));
  rmSync(join(app, 'core/core.cabal'));
  writeFileSync(join(app, 'core/package.yaml'), '');
  expect(understand(join(app, 'core/src'))).toEqual(['app/core', '', [], false]);
  writeFileSync(join(app, 'web/package.yaml'), '');
  writeFileSync(join(app, 'stack.yaml'), 'resolver: lts-22.0\npackages:\n- core\n- web\n');
  let remedy = '';
  try {
    understandWords([], { cwd: join(app, 'docs'), home });
  } catch (error) {
    if (!isFleetError(error)) throw error;
    expect(error).toMatchObject({ code: 'project-not-cabal', problem: expect.stringContaining('stack.yaml') });
    remedy = error.remedy;
  }
  const [, file = '', line = ''] = /^write (\S+) with the line `(.*)`$/.exec(remedy) ?? [];
  writeFileSync(file, line);
  expect(line).toBe('packages: core web');
  expect(understand(join(app, 'docs'))).toEqual(['app', '', [], false]);
});

test.each(['resolver: lts-22.0\n', 'packages: []\n', 'packages:\n- nowhere\n', 'no: [yaml'])(
  'a stack.yaml without a package is not answered with a list of packages: %j',
  (text) => {
    const alone = join(home, 'alone');
    mkdirSync(alone);
    writeFileSync(join(alone, 'stack.yaml'), text);
    expect(() => understandWords([], { cwd: alone, home })).toThrow(/no package where it names one: run this where/);
  },
);
