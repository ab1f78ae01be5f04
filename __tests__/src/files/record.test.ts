import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { z } from 'zod';
import { isDamaged, RecordFile, type RecordReading, valueOrRebuild, valueOrRefusal } from '../../../src/files/record';
import { temporaryDirectory } from '../../support/temporary-directory';

/** Version 1 called the port `tunnel`, version 2 had it as text. */
const record = new RecordFile({
  file: 'thing.json',
  shape: z.object({ name: z.string(), port: z.number(), note: z.string().nullable().default(null) }),
  upgrades: [({ tunnel, ...rest }) => ({ ...rest, port: tunnel }), (old) => ({ ...old, port: Number(old['port']) })],
  repair: 'write it again',
});

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});
function readText(text: string): RecordReading<unknown> {
  writeFileSync(record.path(directory), text);
  return record.read(directory);
}

test('what is written is read again, with its version, and closed to others', () => {
  fc.assert(
    fc.property(
      fc.record({ name: fc.string(), port: fc.integer(), note: fc.option(fc.string(), { nil: null }) }),
      (value) => {
        record.write(directory, value);
        expect(record.read(directory)).toEqual({ status: 'value', value });
      },
    ),
    { numRuns: 30 },
  );
  const text = readFileSync(record.path(directory), 'utf8');
  expect(text).toMatch(/^\{\n {2}"formatVersion": 3,\n {2}"name": .*\}\n$/s);
  expect(statSync(record.path(directory)).mode & 0o777).toBe(0o600);
});

test.each([
  ['without a version, as of version 1', { name: 'a', tunnel: '12' }],
  ['of version 1', { formatVersion: 1, name: 'a', tunnel: '12' }],
  ['of version 2', { formatVersion: 2, name: 'a', port: '12', former: true }],
  ['of version 3', { formatVersion: 3, name: 'a', port: 12, note: null }],
])('a record %s is upgraded step by step', (_form, content) => {
  expect(readText(JSON.stringify(content))).toEqual({ status: 'value', value: { name: 'a', port: 12, note: null } });
});

test('where no record is, it is absent', () => {
  expect(record.read(directory)).toEqual({ status: 'absent' });
  expect(record.read(join(directory, 'missing'))).toEqual({ status: 'absent' });
  writeFileSync(join(directory, 'file'), '');
  expect(record.read(join(directory, 'file'))).toEqual({ status: 'absent' });
  expect(valueOrRefusal(record.read(directory))).toBeUndefined();
  expect(valueOrRebuild(record.read(directory))).toBeUndefined();
});

test.each([
  ['', 'not-json', 'Unexpected end of JSON input'],
  ['{"formatVersion": 3', 'not-json', 'the record is not JSON'],
  ['null', 'wrong-shape', ''],
  ['[]', 'wrong-shape', 'it is no object'],
  ['{"formatVersion": "3"}', 'wrong-shape', 'formatVersion is "3"'],
  ['{"formatVersion": 0}', 'wrong-shape', 'formatVersion is 0'],
  ['{"formatVersion": 3, "name": "a"}', 'wrong-shape', 'port: '],
])('damaged content %s is told from absence, and may be made again', (text, reason, problem) => {
  const reading = readText(text);
  expect(reading).toMatchObject({ status: 'unreadable', reason, problem: expect.stringContaining(problem) as string });
  expect(isDamaged(reading)).toBe(true);
  expect(valueOrRebuild(reading)).toBeUndefined();
  expect(() => valueOrRefusal(reading)).toThrow(
    expect.objectContaining({
      code: 'record-unreadable',
      place: record.path(directory),
      remedy: 'write it again',
    }) as Error,
  );
});

test('sound content that this program cannot read is never made again', () => {
  const newer = readText('{"formatVersion": 4, "whatever": true}');
  rmSync(record.path(directory));
  mkdirSync(record.path(directory));
  const closed = record.read(directory);
  for (const [reading, reason, remedy] of [
    [newer, 'newer-version', 'use the buildfleet that wrote it, or a newer one'],
    [closed, 'not-readable', 'see with `ls -l` whose it is, and make it readable for this user'],
  ] as const) {
    expect(reading).toMatchObject({ status: 'unreadable', reason });
    expect(isDamaged(reading)).toBe(false);
    for (const use of [valueOrRebuild, valueOrRefusal])
      expect(() => use(reading)).toThrow(expect.objectContaining({ code: 'record-unreadable', remedy }) as Error);
  }
});

test('no content makes reading throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect(['unreadable', 'value']).toContain(readText(text).status);
    }),
    { numRuns: 200 },
  );
});
