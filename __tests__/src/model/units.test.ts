import { bytesText, durationText, exactDurationText, mebibytesText } from '../../../src/model/units';

test.each([
  [-1, '0 s', '0 s'],
  [59.9, '59 s', '59 s'],
  [100, '100 s', '100 s'],
  [119, '119 s', '119 s'],
  [120, '2 min', '2 min 0 s'],
  [7199, '119 min', '119 min 59 s'],
  [7200, '2 h', '2 h 0 min'],
  [172_799, '47 h', '47 h 59 min'],
  [172_800, '2 d', '2 d 0 h'],
])('%d s is %s, exactly %s', (seconds, text, exact) => {
  expect([durationText(seconds), exactDurationText(seconds)]).toEqual([text, exact]);
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
