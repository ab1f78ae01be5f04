import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { USTAR_END, USTAR_MAX_BYTES, ustarHeader, ustarPadding } from '../../../../src/images/ova/ustar';
import { temporaryDirectory } from '../../../support/temporary-directory';

let root: string;

beforeEach(() => {
  root = temporaryDirectory();
});

const READ = `
import json, sys, tarfile
assert tarfile.is_tarfile(sys.argv[1])
with tarfile.open(sys.argv[1]) as archive:
    json.dump([[m.name, m.mtime, m.mode, m.uid, m.gid, m.isreg(), archive.extractfile(m).read().hex()] for m in archive], sys.stdout)
`;

test('another reader of the format finds every file as it was put in', () => {
  const files = fc.array(
    fc.record({
      name: fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,99}$/),
      modified: fc.integer({ min: 0, max: 2 ** 31 }),
      content: fc.uint8Array({ maxLength: 1200 }),
    }),
    { minLength: 1, maxLength: 5 },
  );
  fc.assert(
    fc.property(files, (entries) => {
      const archive = join(root, 'archive.tar');
      const parts = entries.flatMap(({ name, modified, content }) => [
        ustarHeader({ name, sizeBytes: content.length, modified }),
        content,
        ustarPadding(content.length),
      ]);
      writeFileSync(archive, Buffer.concat([...parts, USTAR_END]));
      expect(JSON.parse(execFileSync('python3', ['-c', READ, archive], { encoding: 'utf8' }))).toEqual(
        entries.map(({ name, modified, content }) => [
          ...[name, modified, 0o644, 0, 0, true],
          Buffer.from(content).toString('hex'),
        ]),
      );
    }),
    { numRuns: 10 },
  );
});

test('what a header has no room for is refused', () => {
  expect(ustarHeader({ name: 'x', sizeBytes: USTAR_MAX_BYTES, modified: 0 }).toString('latin1', 124, 135)).toBe(
    '7'.repeat(11),
  );
  expect(() => ustarHeader({ name: 'x', sizeBytes: USTAR_MAX_BYTES + 1, modified: 0 })).toThrow(RangeError);
  expect(() => ustarHeader({ name: 'x'.repeat(101), sizeBytes: 0, modified: 0 })).toThrow(RangeError);
});
