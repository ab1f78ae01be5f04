import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectories } from '../../../src/files/directories';
import { temporaryDirectory } from '../../support/temporary-directory';

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
});

test('makes what is missing, with the mode, and leaves what is there alone', () => {
  const path = join(directory, 'one/two');
  makeDirectories(path, 0o700);
  makeDirectories(path, 0o755);
  expect([path, join(directory, 'one')].map((made) => statSync(made).mode & 0o777)).toEqual([0o700, 0o700]);
});

test('what is in the way is told by the error of the system', () => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  expect(() => {
    makeDirectories(file);
  }).toThrow(/EEXIST/);
  expect(() => {
    makeDirectories(join(file, 'below'));
  }).toThrow(/ENOTDIR/);
});

test('where a file system takes no directories, the first that cannot be made is named', () => {
  expect(() => {
    makeDirectories('/proc/buildfleet/below');
  }).toThrow("ENOENT: no such file or directory, mkdir '/proc/buildfleet'");
});
