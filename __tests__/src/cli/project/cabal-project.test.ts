import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { parseCabalProject, readCabalProject } from '../../../../src/cli/project/cabal-project';
import { compilerOf, compilerOfArguments } from '../../../../src/cli/project/compiler';
import { temporaryDirectory } from '../../../support/temporary-directory';

let root: string;

beforeEach(() => {
  root = realpathSync(temporaryDirectory());
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

const version = (files: Readonly<Record<string, string>>) => {
  write(files);
  return compilerOf(readCabalProject(root))?.version;
};

test('fields go on in further lines, and those of stanzas are none of the project', () => {
  const text = `-- packages: none
PACKAGES: one
          -- not two
          three
package *
  with-compiler: ghc-9.2.8
source-repository-package
    type: git
optimization : False
`;
  expect(parseCabalProject(text, '/p')).toEqual([
    { name: 'packages', value: 'one\nthree', place: '/p:2', conditions: [] },
    { name: 'optimization', value: 'False', place: '/p:9', conditions: [] },
  ]);
});

test('fields in conditional blocks have the conditions that lead there', () => {
  const text = `if os(linux)
  a: 1
  if impl(ghc >= 9.8)
    b: 2
elif arch(x86_64)
  c: 3
else
  d: 4
e: 5
`;
  const conditions = Object.fromEntries(
    parseCabalProject(text, '/p').map((one) => [
      one.name,
      one.conditions.map((it) => `${it.holds ? '' : '!'}${it.text}`),
    ]),
  );
  expect(conditions).toEqual({
    a: ['os(linux)'],
    b: ['os(linux)', 'impl(ghc >= 9.8)'],
    c: ['!os(linux)', 'arch(x86_64)'],
    d: ['!os(linux)', '!arch(x86_64)'],
    e: [],
  });
});

test('any text is read without an error, and every field is found again', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => void parseCabalProject(text, '/p')));
  const name = fc.stringMatching(/^[a-z][a-z-]{0,8}$/).filter((word) => !['if', 'elif', 'else'].includes(word));
  const value = fc.stringMatching(/^[a-z0-9./*]{1,9}$/);
  const fields = fc.array(fc.tuple(name, value, fc.integer({ min: 1, max: 4 })));
  fc.assert(
    fc.property(fields, (given) => {
      const text = given.map(([key, word, blanks]) => `${key}:${' '.repeat(blanks)}${word}\n\n  ${word}`).join('\n');
      const found = parseCabalProject(text, '/p').map((one) => [one.name, one.value]);
      expect(found).toEqual(given.map(([key, word]) => [key, `${word}\n${word}`]));
    }),
  );
});

test.each([
  ['none', 'packages: .\n', undefined],
  ['one without a version', 'with-compiler: ghc\n', undefined],
  ['a program', 'with-compiler: ghc-9.8.4\n', '9.8.4'],
  ['a field in capitals, with blanks', 'With-Compiler :   ghc-9.8.4  \n', '9.8.4'],
  ['line ends of Windows', 'packages: .\r\nwith-compiler: ghc-9.8.4\r\n', '9.8.4'],
  ['a value in the next line', 'with-compiler:\n  ghc-9.8.4\n', '9.8.4'],
  ['a value in quotes', 'with-compiler: "/opt/my ghc/ghc-9.8.4"\n', '9.8.4'],
  ['the begin of a version', 'with-compiler: ghc-9.8\n', '9.8'],
  ['a path', 'with-compiler: /opt/ghc-9.6.6/bin/ghc-9.8.4\n', '9.8.4'],
  ['a directory of a version', 'with-compiler: /opt/ghc/9.8.4/bin/ghc\n', '9.8.4'],
  ['a directory with a version', 'with-compiler: /nix/store/abc-ghc-9.8.4/bin/ghc\n', '9.8.4'],
  ['a comment in front', '-- with-compiler: ghc-9.2.8\nwith-compiler: ghc-9.8.4\n', '9.8.4'],
  ['a comment behind', 'with-compiler: ghc-9.8.4\n  -- with-compiler: ghc-9.2.8\n', '9.8.4'],
  ['two', 'with-compiler: ghc-9.2.8\nwith-compiler: ghc-9.8.4\n', '9.8.4'],
  ['the last one without a version', 'with-compiler: ghc-9.8.4\nwith-compiler: ghc\n', undefined],
  ['one of a package', 'package *\n  with-compiler: ghc-9.8.4\n', undefined],
  ['a condition that holds', 'if os(linux)\n  with-compiler: ghc-9.8.4\nwith-compiler: ghc-9.2.8\n', '9.8.4'],
  ['a condition that does not hold', 'with-compiler: ghc-9.8.4\nif os(windows)\n  with-compiler: ghc-9.2.8\n', '9.8.4'],
  ['an alternative', 'if os(darwin)\n  with-compiler: ghc-9.2.8\nelse\n  with-compiler: ghc-9.8.4\n', '9.8.4'],
  ['conditions of all kinds', 'if !(os(darwin) || arch(aarch64)) && true\n  with-compiler: ghc-9.8.4\n', '9.8.4'],
  [
    'a condition about the compiler',
    'with-compiler: ghc-9.8.4\nif impl(ghc >=9.6 && <9.7)\n  with-compiler: ghc-9.6.6\n',
    '9.6.6',
  ],
  [
    'a condition about another compiler',
    'with-compiler: ghc-9.8.4\nif impl(ghc ^>=9.2) || impl(ghcjs)\n  with-compiler: ghc-9.6.6\n',
    '9.8.4',
  ],
  ['a condition that cannot be told', 'if flag(new)\n  with-compiler: ghc-9.8.4\n', undefined],
])('the compiler of a project: %s', (_, text, expected) => {
  expect(version({ 'cabal.project': text })).toBe(expected);
});

test('the compiler of a project is the last one of all its files, in the order of cabal', () => {
  expect(version({ 'cabal.project': 'with-compiler: ghc-9.2.8\n' })).toBe('9.2.8');
  expect(version({ 'cabal.project.freeze': 'with-compiler: ghc-9.4.7\n' })).toBe('9.4.7');
  expect(version({ 'cabal.project.local': 'with-compiler: ghc-9.8.4\n' })).toBe('9.8.4');
  // Conditional blocks come behind all else.
  expect(version({ 'cabal.project': 'if os(linux)\n  with-compiler: ghc-9.2.8\n' })).toBe('9.2.8');
});

test('imports count where they stand, seen from the file that has them, and in a circle once', () => {
  write({
    'ci/ghc.project': 'import: versions/new.project\n',
    'ci/versions/new.project': 'with-compiler: ghc-9.8.4\nimport: ../../cabal.project\n',
  });
  expect(version({ 'cabal.project': 'with-compiler: ghc-9.2.8\nimport: ci/ghc.project\n' })).toBe('9.8.4');
  expect(version({ 'cabal.project': 'import: ci/ghc.project\nwith-compiler: ghc-9.2.8\n' })).toBe('9.2.8');
  expect(version({ 'cabal.project': 'if os(osx)\n  import: ci/ghc.project\n' })).toBeUndefined();
  expect(version({ 'cabal.project': 'import: https://example.org/x.config\nimport: missing\n' })).toBeUndefined();
});

test.each([
  [['-w', 'ghc-9.8.4', 'all'], '9.8.4', ['all']],
  [['-wghc-9.8.4'], '9.8.4', []],
  [['all', '--with-compiler', '/opt/ghc/9.8.4/bin/ghc', '-O0'], '9.8.4', ['all', '-O0']],
  [['--with-compiler=ghc-9.2.8', '--with-ghc=ghc-9.8.4'], '9.8.4', []],
  [['-w', 'ghc'], undefined, ['-w', 'ghc']],
  [['-w', 'ghc', '-w', 'ghc-9.8.4'], '9.8.4', ['-w', 'ghc', '-w', 'ghc-9.8.4']],
  [['app', '--', '-w', 'ghc-9.8.4'], undefined, ['app', '--', '-w', 'ghc-9.8.4']],
  [['-w'], undefined, ['-w']],
])('the compiler of the arguments %j', (args, expected, others) => {
  const found = compilerOfArguments(args);
  expect([found.compiler?.version, found.others]).toEqual([expected, others]);
});
