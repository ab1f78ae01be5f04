import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { placeIn, prepareDestination } from '../../../../src/cli/fetch/destination';
import { temporaryDirectory } from '../../../support/temporary-directory';

let root: string;
let to: string;

beforeEach(() => {
  root = temporaryDirectory();
  to = join(root, 'result');
  prepareDestination(to);
});

test('makes the directories on the way to a file', () => {
  expect(placeIn(to, 'bin/app/run')).toBe(join(to, 'bin/app/run'));
  expect(existsSync(join(to, 'bin/app'))).toBe(true);
});

test('the root of the file system is refused', () => {
  expect(() => {
    prepareDestination('/');
  }).toThrow('takes no files of a project');
});

test('a file that is there is replaced', () => {
  mkdirSync(join(to, 'bin'));
  writeFileSync(join(to, 'bin/run'), '');
  expect(placeIn(to, 'bin/run')).toBe(join(to, 'bin/run'));
});

test.each([
  ['a link in place of the first directory', 'bin', 'symbolic link'],
  ['a link in place of the second one', 'bin/app', 'symbolic link'],
])('%s is not followed', (_, link, problem) => {
  mkdirSync(join(to, link, '..'), { recursive: true });
  symlinkSync(root, join(to, link));
  expect(() => placeIn(to, 'bin/app/run')).toThrow(problem);
  expect(existsSync(join(root, 'app'))).toBe(false);
});

test('a file in place of a directory, and a directory in place of the file, are told', () => {
  writeFileSync(join(to, 'bin'), '');
  expect(() => placeIn(to, 'bin/run')).toThrow('this is not a directory');
  mkdirSync(join(to, 'lib/libHSapp.a'), { recursive: true });
  expect(() => placeIn(to, 'lib/libHSapp.a')).toThrow('there is a directory where a file has to go');
});
