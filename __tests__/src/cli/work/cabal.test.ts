import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cabalArguments, compilerOfProject } from '../../../../src/cli/work/cabal';
import { temporaryDirectory } from '../../../support/temporary-directory';

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

test('the compiler of a project is what its files say, the local one first', () => {
  const root = temporaryDirectory();
  const write = (name: string, text: string) => {
    writeFileSync(join(root, name), text);
  };
  expect(compilerOfProject(root)).toBeUndefined();
  write('cabal.project', 'packages: .\nwith-compiler: ghc\n');
  expect(compilerOfProject(root)).toBeUndefined();
  write('cabal.project', 'packages: .\n-- with-compiler: ghc-9.2.8\nwith-compiler:   /opt/ghc-9.6.6/bin/ghc-9.6.6\n');
  expect(compilerOfProject(root)).toBe('9.6.6');
  write('cabal.project.local', 'with-compiler: ghc-9.8.4\n');
  expect(compilerOfProject(root)).toBe('9.8.4');
});
