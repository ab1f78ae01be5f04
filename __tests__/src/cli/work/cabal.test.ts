import { cabalArguments, projectFileOf } from '../../../../src/cli/work/cabal';

test.each([
  ['build', undefined, [], ['build', 'all']],
  ['test', undefined, [], ['test', 'all']],
  ['repl', undefined, [], ['repl']],
  ['build', '9.8.4', [], ['build', '--with-compiler=ghc-9.8.4', 'all']],
  ['build', undefined, ['exe:app', '-O2'], ['build', 'exe:app', '-O2']],
  [
    'build',
    undefined,
    ['-O0', '--ghc-options', '-Wall', '-f', 'debug'],
    ['build', 'all', '-O0', '--ghc-options', '-Wall', '-f', 'debug'],
  ],
  ['build', undefined, ['-f', 'debug', 'app'], ['build', '-f', 'debug', 'app']],
  ['bench', '9.8.4', ['-j2'], ['bench', '--with-compiler=ghc-9.8.4', 'all', '-j2']],
  ['haddock', undefined, [], ['haddock', 'all']],
  ['run', undefined, [], ['run']],
  ['run', undefined, ['app', '--', '--port', '1'], ['run', 'app', '--', '--port', '1']],
] as const)('%s with %s and %j', (task, ghc, args, expected) => {
  expect(cabalArguments(task, ghc, args)).toEqual(expected);
});

test('a package that is named is built alone, with the settings of its project', () => {
  expect(cabalArguments('build', undefined, ['-O0'], true)).toEqual(['build', '-O0']);
});

test.each([
  [[], 'cabal.project'],
  [['--project-file=ci.project', 'all'], 'ci.project'],
  [['--project-file', 'ci.project'], 'ci.project'],
  [['--ignore-project'], undefined],
  [['app', '--', '--project-file=x'], 'cabal.project'],
])('with %j the settings of the project are in %j', (args, expected) => {
  expect(projectFileOf(args)).toBe(expected);
});
