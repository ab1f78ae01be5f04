import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { filterRules } from '../../../src/cli/project/ignore-rules';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';

const FILES = [
  'a',
  'b',
  'ab',
  'a b',
  'a.x',
  '#a',
  '!a',
  '\\a',
  '-a',
  'd/a',
  'd/b',
  'd/e/a',
  'd/e/ab',
  'd/e/f/a.x',
  'e/a',
  'e/d/e/b',
  'x*y/a',
  '[a]/b',
];

/**
 * Between a letter and a slash two stars are one, says git's manual. That is so only behind another wildcard: git takes a
 * literal beginning away first, and what is left of the pattern begins with two stars.
 */
const STARS_BEHIND_LETTERS = /^!?\/?[^*?[\\]*[^*?[\\/]\*\*+\//;

describeWithTools(['git', 'rsync'], 'rules made of a .buildfleetignore', () => {
  let directory: string;
  let tree: string;

  beforeAll(() => {
    directory = temporaryDirectory();
    tree = join(directory, 'tree');
    for (const file of FILES) {
      mkdirSync(join(tree, dirname(file)), { recursive: true });
      writeFileSync(join(tree, file), '');
    }
    execFileSync('git', ['init', '-q', tree]);
  });

  /** Files that git would not ignore with these lines in a .gitignore. */
  function byGit(lines: string): string[] {
    writeFileSync(join(directory, 'patterns'), lines);
    const listed = execFileSync(
      'git',
      ['-c', 'core.excludesFile=', 'ls-files', '-z', '--others', '--exclude-from', join(directory, 'patterns')],
      { cwd: tree, encoding: 'utf8' },
    );
    return listed.split('\0').filter(Boolean).sort();
  }

  /** Files that rsync would send. */
  function byRsync(lines: string): string[] {
    const rules = filterRules(lines).flatMap((rule) => ['--filter', rule]);
    const listed = execFileSync(
      'rsync',
      ['-r', '--dry-run', '--8-bit-output', '--out-format=%n', ...rules, `${tree}/`, join(directory, 'nowhere/')],
      { encoding: 'utf8' },
    );
    return listed
      .split('\n')
      .filter((name) => name !== '' && !name.endsWith('/') && !name.startsWith('created directory'))
      .map((name) => name.replace(/\\#(\d{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8))))
      .sort();
  }

  test.each([
    ['nothing', ''],
    ['a name anywhere', 'a'],
    ['a name in the root', '/a'],
    ['a path', 'd/e'],
    ['a directory', 'e/'],
    ['a wildcard', '*.x'],
    ['all but one', '*\n!b'],
    ['stars across directories', 'd/**/a'],
    ['everything in a directory', 'd/**'],
    ['a path anywhere', '**/e/a'],
    ['more stars than two', '***/a'],
    ['more stars than two, and a path', '/***/e/***/a'],
    ['comments and blanks', '# a\n\n   \n\\#a'],
    ['an escaped exclamation mark', '\\!a'],
    ['trailing spaces', 'a b  \nb   '],
    ['a line end of Windows', 'a\r\nb\r\n'],
  ])('%s: as git reads it', (_, lines) => {
    expect(byRsync(lines)).toEqual(byGit(lines));
  });

  test('many stars between slashes are refused with the line, and at once', () => {
    const many = `a${'/**/b'.repeat(22)}`;
    const started = performance.now();
    expect(() => filterRules(`x\n${many}\n`)).toThrow(/^\.buildfleetignore:2: this pattern has more than 4 times/);
    expect(() => filterRules(`a${'/**/b'.repeat(4)}\n`.repeat(200))).toThrow(/makes more than 2000 rules/);
    expect(() => filterRules('a'.repeat(2000))).toThrow(/:1: this line is longer than 1024/);
    expect(performance.now() - started).toBeLessThan(1000);
    const added = filterRules(`a${'/**/**'.repeat(22)}/b`).length - filterRules('').length;
    expect(added).toBeLessThan(10);
  });

  test('any patterns: as git reads them', () => {
    const word = fc.array(fc.constantFrom('a', 'b', 'd', 'e', 'x', '*', '**', '?', '.x', ' ', '[a-b]', '[!a]', '\\*'), {
      minLength: 1,
      maxLength: 3,
    });
    const pattern = fc
      .tuple(
        fc.constantFrom('', '', '', '!'),
        fc.constantFrom('', '', '/', '**/'),
        fc.array(
          word.map((parts) => parts.join('')),
          { minLength: 1, maxLength: 3 },
        ),
        fc.constantFrom('', '', '/', '/**'),
      )
      .map(([negation, start, words, end]) => `${negation}${start}${words.join('/')}${end}`)
      .filter((text) => !STARS_BEHIND_LETTERS.test(text));
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 4 }), (patterns) => {
        const lines = patterns.join('\n');
        expect(byRsync(lines)).toEqual(byGit(lines));
      }),
      { numRuns: 100 },
    );
  }, 120_000);
});
