import { mkdirSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import fc from 'fast-check';
import { parseCabalProject, readCabalProject } from '../../../../src/cli/project/cabal-project';
import { findProject } from '../../../../src/cli/project/find-project';
import { checkPackages, hpackDirectories, packageDirectories } from '../../../../src/cli/project/packages';
import { isFleetError } from '../../../../src/model/errors';
import { temporaryDirectory } from '../../../support/temporary-directory';

let home: string;
let mono: string;
let root: string;

beforeEach(() => {
  home = realpathSync(temporaryDirectory());
  mono = join(home, 'mono');
  root = join(mono, 'apps/main');
  mkdirSync(root, { recursive: true });
});

function write(files: Readonly<Record<string, string>>, at = root): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(at, name)), { recursive: true });
    writeFileSync(join(at, name), text);
  }
}

function check(project: string): { remarks: readonly string[] } | { problem: string; remedy: string } {
  write({ 'cabal.project': project });
  try {
    return { remarks: checkPackages(root, home, readCabalProject(root)) };
  } catch (error) {
    if (isFleetError(error) && error.code === 'packages-outside')
      return { problem: error.problem, remedy: error.remedy };
    throw error;
  }
}

const find = () => packageDirectories(root, readCabalProject(root)).map((path) => relative(root, path));

test.each([
  ['by a path', 'packages: ../../libs/one .\n', '../../libs/one'],
  ['by a file', 'packages: ../../libs/one/one.cabal\n', '../../libs/one/one.cabal'],
  ['by a pattern', 'packages: ../../libs/*/*.cabal\n', '../../libs/*/*.cabal'],
  ['by alternatives', 'packages: ../../libs/{one,x}/\n', '../../libs/{one,x}/'],
  ['in quotes', 'packages: app, "../../libs/one"\n', '../../libs/one'],
  ['in a further line', 'packages:\n  app\n  ../../libs/one\n', '../../libs/one'],
  ['by a detour', 'packages: app/../../../libs/one\n', 'app/../../../libs/one'],
  ['in a condition', 'if os(linux)\n  packages: ../../libs/one\n', '../../libs/one'],
  ['of an import', 'import: ../../libs/shared.project\n', '../../libs/shared.project'],
  ['in an import', 'import: more.project\n', '../../libs/one'],
])('what is outside of the project is refused, with the directory that would serve: %s', (_, project, given) => {
  write({ 'app/app.cabal': '', 'more.project': 'packages: ../../libs/one\n' });
  write({ 'libs/one/one.cabal': '', 'libs/shared.project': '' }, mono);
  const found = check(project);
  expect(found).toMatchObject({ problem: expect.stringContaining(`it consists of ${given} (`) });
  expect(found).toMatchObject({
    remedy: expect.stringContaining(`make ${mono} the project: move ${root}/cabal.project`),
  });
});

test('the remedy makes a project of all packages', () => {
  write({ 'main.cabal': '', 'app/app.cabal': '' });
  write({ 'libs/one/one.cabal': '' }, mono);
  const found = check('packages: . app ../../libs/*\n');
  const [, to = '', line = ''] =
    /make (\S+) the project: move \S+ there, with `(.*)`$/.exec('remedy' in found ? found.remedy : '') ?? [];
  renameSync(join(root, 'cabal.project'), join(to, 'cabal.project'));
  writeFileSync(join(to, 'cabal.project'), line);
  const project = findProject({ option: undefined, cwd: root, home, cabal: true });
  expect(project.root).toBe(mono);
  expect(checkPackages(mono, home, readCabalProject(mono))).toEqual([]);
  expect(packageDirectories(mono, readCabalProject(mono)).map((path) => relative(mono, path))).toEqual([
    'apps/main',
    'apps/main/app',
    'libs/one',
  ]);
});

test('a home is no directory that would serve', () => {
  write({ 'other/other.cabal': '' }, home);
  expect(check('packages: ../../../other\n')).toMatchObject({
    remedy: expect.stringMatching(/^put both into one directory/),
  });
});

test('what is optional is said, and what is not there or inside is not', () => {
  write({ 'libs/one/one.cabal': '' }, mono);
  expect(check('packages: .\noptional-packages: ../../libs/* ../../none/*\n')).toEqual({
    remarks: [`not sent: ../../libs/* (${root}/cabal.project:2): it is outside of the project`],
  });
  expect(check(`packages: ./ ../../none ${root}/app https://example.org/a.tar.gz\nimport: ../gone\n`)).toEqual({
    remarks: [],
  });
  expect(check('if os(windows)\n  packages: ../../libs/*\n')).toEqual({ remarks: [] });
  expect(check('if impl(ghc < 9)\n  packages: ../../libs/*\n')).toEqual({
    remarks: [`not sent: ../../libs/* (${root}/cabal.project:2): it is outside of the project`],
  });
  expect(check('packages: ../main\n')).toEqual({ remarks: [] });
});

test('packages are those that the project names, and the project itself where it names none', () => {
  write({ 'a/x/x.cabal': '', 'a/y/package.yaml': '', '.hidden/z.cabal': '', 'b/b.cabal': '' });
  expect(find()).toEqual(['']);
  write({ 'cabal.project': 'packages: a/*/*.cabal\noptional-packages: b\n' });
  expect(find()).toEqual(['a/x', 'a/y', 'b']);
});

test('hpack is for the packages that have no .cabal file', () => {
  write({ 'package.yaml': '', 'a/package.yaml': '', 'a/a.cabal': '', 'b/package.yaml': '', 'c/c.cabal': '' });
  expect(hpackDirectories(root, readCabalProject(root))).toEqual(['']);
  write({ 'cabal.project': 'packages: ./*\n' });
  expect(hpackDirectories(root, readCabalProject(root))).toEqual(['b']);
});

test('any list of packages is looked at without an error', () => {
  write({ 'app/app.cabal': '' });
  const words = fc.array(fc.oneof(fc.string(), fc.constantFrom('..', '*', '{a,b}', '/', '"', 'app', '{', '\\', '[x]')));
  fc.assert(
    fc.property(words, (some) => {
      const settings = parseCabalProject(`packages: ./${some.join('/')}`, join(root, 'cabal.project'));
      for (const path of packageDirectories(root, settings)) expect(`${path}/`.startsWith(`${root}/`)).toBe(true);
    }),
  );
});
