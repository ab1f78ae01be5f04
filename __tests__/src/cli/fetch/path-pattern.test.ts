import fc from 'fast-check';
import { pathPattern } from '../../../../src/cli/fetch/path-pattern';

test.each([
  ['cabal.project.freeze', ['cabal.project.freeze'], ['cabal_project.freeze', 'a/cabal.project.freeze']],
  ['./test/golden/', ['test/golden/a', 'test/golden/b/c'], ['test/goldens/a']],
  ['test/*.txt', ['test/a.txt', 'test/.txt', 'test/a.txt/inner'], ['test/b/a.txt', 'test/a.txtx']],
  ['test/**/*.txt', ['test/a.txt', 'test/b/c/a.txt'], ['other/a.txt']],
  ['**/html', ['html/index.html', 'dist-newstyle/a/html/index.html'], ['dist-newstyle/xhtml/a']],
  ['test/**', ['test/a', 'test/b/c'], ['tests/a']],
  ['?[ab][!c]', ['xad'], ['xac', 'xcd', 'xa/', 'a/b']],
  ['a\\*b', ['a*b'], ['axb']],
  ['a+(b).{c}', ['a+(b).{c}'], ['aab.c']],
])('%s', (pattern, matching, others) => {
  const matches = pathPattern(pattern);
  expect(matching.filter((path) => !matches(path))).toEqual([]);
  expect(others.filter(matches)).toEqual([]);
});

test.each(['/etc/passwd', '../x', 'a/../../b', '', '.', '.git/config', 'a/.GIT'])('%j is refused', (pattern) => {
  expect(() => pathPattern(pattern)).toThrow('the pattern is no path in the project');
});

test('no pattern matches what leads out of the project, or into the repository', () => {
  const component = fc.constantFrom('a', 'b', '*', '**', '?', '[ab]', '[!a]');
  const part = fc.constantFrom('a', 'b', '..', '.', '', '.git', '.Git');
  fc.assert(
    fc.property(fc.array(component, { minLength: 1 }), fc.array(part, { minLength: 1 }), (pattern, path) => {
      if (path.some((one) => /^(\.|\.\.|\.git|)$/i.test(one))) {
        expect(pathPattern(pattern.join('/'))(path.join('/'))).toBe(false);
      }
    }),
  );
});

test('a path without special characters matches itself and what is in it alone', () => {
  const path = fc.array(fc.stringMatching(/^[a-z][a-z.+-]*$/), { minLength: 1 }).map((parts) => parts.join('/'));
  fc.assert(
    fc.property(path, path, (one, other) => {
      fc.pre(!`${one}/${other}`.split('/').includes('.git'));
      expect(pathPattern(one)(one)).toBe(true);
      expect(pathPattern(one)(`${one}/${other}`)).toBe(true);
      expect(pathPattern(one)(`${one}x`)).toBe(false);
    }),
  );
});
