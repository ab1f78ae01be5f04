import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../../../src/files/atomic';
import { temporaryDirectory } from '../../support/temporary-directory';

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
});

test('the mode is the given one, with any umask and any old file', () => {
  const path = join(directory, 'file');
  writeFileSync(path, 'old');
  chmodSync(path, 0o777);
  const umask = process.umask(0o077);
  try {
    writeFileAtomically(path, 'new', { mode: 0o644 });
  } finally {
    process.umask(umask);
  }
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(statSync(path).mode & 0o7777).toBe(0o644);
});

test('a reader that has the old file open keeps it', () => {
  const path = join(directory, 'file');
  writeFileSync(path, 'old');
  const before = statSync(path).ino;
  writeFileAtomically(path, 'new', { mode: 0o600 });
  expect(statSync(path).ino).not.toBe(before);
});

test('a failure leaves the old file and nothing else', () => {
  const path = join(directory, 'taken');
  mkdirSync(join(path, 'by-a-directory'), { recursive: true });
  expect(() => {
    writeFileAtomically(path, 'new', { mode: 0o600 });
  }).toThrow();
  expect(readdirSync(directory)).toEqual(['taken']);
});
