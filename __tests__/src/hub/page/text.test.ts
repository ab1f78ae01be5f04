import { ageText, sizeText, spanText } from '../../../../src/hub/page/text';

/** The text with plain spaces. */
const read = (text: string) => text.replaceAll('\u00a0', ' ');

it.each([
  [-3, '0 s'],
  [0.6, '1 s'],
  [119.4, '119 s'],
  [120, '2 min'],
  [7199, '120 min'],
  [7200, '2 h'],
  [172_799, '48 h'],
  [172_800, '2 d'],
])('says %d seconds as %s', (seconds, text) => {
  expect(read(spanText(seconds))).toBe(text);
});

it('says when an age is not known', () => {
  expect([ageText(undefined), read(ageText(5))]).toEqual(['not known', '5 s ago']);
});

it.each([
  [0, '0 MiB'],
  [1023, '1023 MiB'],
  [1024, '1.0 GiB'],
  [102_399, '100.0 GiB'],
  [102_400, '100 GiB'],
])('says %d MiB as %s', (mebibytes, text) => {
  expect(read(sizeText(mebibytes))).toBe(text);
});

it('lets no line break between a number and its unit', () => {
  for (const text of [ageText(5), spanText(5), sizeText(5)]) expect(text).not.toContain(' ');
});
