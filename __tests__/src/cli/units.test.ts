import { ageText, bytesText, durationText, mebibytesText } from '../../../src/cli/units';

test.each([
  [0, '0 s'],
  [99.9, '99 s'],
  [100, '1 min'],
  [5999, '99 min'],
  [6000, '1 h'],
  [172_799, '47 h'],
  [172_800, '2 d'],
])('%d s is %s', (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});

test.each([
  [0, '0 MiB'],
  [1023, '1023 MiB'],
  [1024, '1.0 GiB'],
])('%d MiB is %s', (mebibytes, text) => {
  expect(mebibytesText(mebibytes)).toBe(text);
});

test.each([
  [0, '0 MiB'],
  [1, '1 MiB'],
  [436_404_224, '417 MiB'],
  [1.25 * 2 ** 30, '1.3 GiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});

test.each([
  [59, 'now'],
  [60, '1 min'],
  [3599, '59 min'],
  [3600, '1 h'],
  [48 * 3600 - 1, '47 h'],
  [48 * 3600, '2 days'],
  [-100, 'now'],
])('%d seconds ago is %s', (seconds, text) => {
  const now = new Date();
  expect(ageText(new Date(now.getTime() - seconds * 1000), now)).toBe(text);
});
