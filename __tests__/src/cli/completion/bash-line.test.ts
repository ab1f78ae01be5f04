import fc from 'fast-check';
import { insertion, parseLine } from '../../../../src/cli/completion/bash-line';

test.each([
  ['buildfleet ', ['buildfleet', '']],
  ['buildfleet  st', ['buildfleet', 'st']],
  [String.raw`buildfleet a\ b c\\d`, ['buildfleet', 'a b', String.raw`c\d`]],
  [String.raw`x "a \"b\" \c $HOME" 'd "e'`, ['x', String.raw`a "b" \c $HOME`, 'd "e']],
  [`x '' ""`, ['x', '', '']],
  [`x '' `, ['x', '', '']],
  ['x $(rm -rf /) `id`', ['x', '$(rm', '-rf', '/)', '`id`']],
  ['x trailing\\', ['x', 'trailing\\']],
])('%j is split and unquoted, and nothing of it expanded', (line, words) => {
  expect(parseLine(line).words).toEqual(words);
});

const printable = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/\p{Cc}/u.test(text));
const nasty = fc
  .array(fc.constantFrom(...Array.from(' \t"\'\\$`!~=:;&|<>()*?[]{}#^-'), 'a', 'ü'), { minLength: 1, maxLength: 12 })
  .map((characters) => characters.join('').replaceAll('\t', '_'));

test('every candidate arrives unchanged, after any open quote', () => {
  fc.assert(
    fc.property(
      fc.oneof(printable, nasty),
      fc.constantFrom('' as const, '"' as const, "'" as const),
      (value, quote) => {
        const line = `buildfleet deploy ${quote}`;
        const inserted = insertion(value, parseLine(line), '');
        // As readline does it: the quote is closed unless it is what stands there.
        const closing = inserted.endsWith(quote) ? '' : quote;
        expect(parseLine(`${line}${inserted}${closing}`)).toMatchObject({
          words: ['buildfleet', 'deploy', value],
          quote: '',
        });
      },
    ),
  );
});

test.each([
  ['x --vm=al', 'al', '--vm=alpha', 'alpha'],
  ['x --vm=', '', '--vm=alpha', 'alpha'],
  ['x a:b', 'b', 'a:b c', String.raw`b\ c`],
  [String.raw`x a\ b`, String.raw`a\ b`, 'a b:c', String.raw`a\ b:c`],
  [`x --to="a b`, 'a b', '--to=a b$c', String.raw`a b\$c`],
])('of %j bash replaces %j, for %j by %j', (line, text, value, expected) => {
  expect(insertion(value, parseLine(line), text)).toBe(expected);
});
