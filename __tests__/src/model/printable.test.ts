import fc from 'fast-check';
import { finishedLength, isColour, printable, printableJson, printableLine } from '../../../src/model/printable';

/** What sequences are made of, besides any text. */
const hostile = fc.string({
  unit: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(...Array.from('\u001b\u009b\u009d\u0090\u009c\u0007\r\n\t\b[];:m?0123 \\PX^_KJh8x')),
    },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0x9f }).map((code) => String.fromCharCode(code)) },
    { weight: 1, arbitrary: fc.constantFrom('\u202e', '\u2066', '\u2028', 'ä', '😀') },
  ),
  maxLength: 200,
});
const STEERING = /[^\P{Cc}\n\t]|[\u2028-\u202e\u2066-\u2069]/u;

describe('nothing is left that steers a terminal', () => {
  test('in text', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(printable(text)).not.toMatch(STEERING);
      }),
    );
  });

  test('but for colours where they are kept', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        // eslint-disable-next-line no-control-regex -- that is what a colour is
        expect(printable(text, isColour).replace(/\u001b\[[\d;:]*m/g, '')).not.toMatch(STEERING);
      }),
    );
  });

  test('in a line, which stays one', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(printableLine(text)).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  test('in JSON, which says the same', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const document = printableJson(JSON.stringify({ text }, null, 2));
        expect(document).not.toMatch(STEERING);
        expect(JSON.parse(document)).toEqual({ text });
      }),
    );
  });

  test('in a stream, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.array(hostile), (pieces) => {
        let [rest, shown] = ['', ''];
        for (const piece of pieces) {
          rest += piece;
          const length = finishedLength(rest);
          shown += printable(rest.slice(0, length));
          rest = rest.slice(length);
        }
        expect(shown).not.toMatch(STEERING);
      }),
    );
  });
});

test('text without control characters is left as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      fc.pre(!STEERING.test(text));
      expect(printable(text)).toBe(text);
      expect(finishedLength(text)).toBe(text.length);
    }),
  );
});

test.each([
  ['a colour', 'a\u001b[31mred\u001b[0m', 'ared'],
  ['a title', 'a\u001b]0;owned\u0007b', 'ab'],
  ['a link, whose text stays', '\u001b]8;;https://a.example\u001b\\GHC-1\u001b]8;;\u001b\\', 'GHC-1'],
  ['the C1 forms', 'a\u009b2Jb\u009d52;c;x\u009cc', 'abc'],
  ['a string without an end, which swallows nothing', 'a\u001b]0;x: remedy', 'a0;x: remedy'],
  ['ends of lines', 'a\r\nb\rc', 'a\nb c'],
  ['a reset and a backspace', 'a\u001bcb\bc', 'ab c'],
  ['what a removed sequence would leave', '\u001b\u001b[0m[2Jx', ' [2Jx'],
])('%s', (_, text, expected) => {
  expect(printable(text)).toBe(expected);
});

test('a sequence in two pieces is one, and an endless one is not waited for', () => {
  expect(finishedLength('ab\u001b[3')).toBe(2);
  expect(finishedLength('ab\u001b]0;title\u001b')).toBe(2);
  expect(finishedLength('ab\u001b[31m')).toBe(7);
  expect(finishedLength(`ab\u001b]${'x'.repeat(5000)}`)).toBe(5004);
});

test('a megabyte of begun sequences takes no time', () => {
  const begin = performance.now();
  for (const unit of ['\u001b]', '\u009d', '\u001b[', '\r', '\u001b', '\u0090x', '\u001b '])
    printable(unit.repeat(500_000));
  expect(performance.now() - begin).toBeLessThan(5000);
});
