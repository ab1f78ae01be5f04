import { lastLine, lastLines } from '../../../src/process/output';

test.each([
  ['', ''],
  ['\n \n', ''],
  ['one', 'one'],
  ['one\ntwo\n', 'two'],
  ['one\r\n  two\r\n\r\n', 'two'],
])('the last line of %j', (text, expected) => {
  expect(lastLine(text)).toBe(expected);
});

test('the last lines leave out blank ones', () => {
  expect(lastLines('a\nb\n\nc\n', 2)).toEqual(['b', 'c']);
});
