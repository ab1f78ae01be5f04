import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeScratchDirectory } from '../../../src/files/scratch-directory';
import { temporaryDirectory } from '../../support/temporary-directory';

test('is made in TMPDIR', () => {
  const directory = temporaryDirectory();
  expect(makeScratchDirectory('x-', { TMPDIR: directory }).startsWith(join(directory, 'x-'))).toBe(true);
});

test.each([
  ['missing', (path: string) => join(path, 'missing')],
  [
    'a file',
    (path: string) => {
      writeFileSync(join(path, 'file'), '');
      return join(path, 'file');
    },
  ],
  ['too long', (path: string) => join(path, 'a'.repeat(300))],
])('is made in /tmp where TMPDIR is %s', (_, at) => {
  const made = makeScratchDirectory('buildfleet-x-', { TMPDIR: at(temporaryDirectory()) });
  expect(made).toMatch(/^\/tmp\/buildfleet-x-\w{6}$/);
  expect(existsSync(made)).toBe(true);
  rmSync(made, { recursive: true });
});
