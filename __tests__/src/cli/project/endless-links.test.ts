import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endlessLinks } from '../../../../src/cli/project/endless-links';
import { temporaryDirectory } from '../../../support/temporary-directory';

let directory: string;
let root: string;

beforeEach(() => {
  directory = realpathSync(temporaryDirectory());
  root = join(directory, 'project');
  mkdirSync(join(root, 'src/deep'), { recursive: true });
});

test.each([
  ['to the directory above the project', 'up', '..', true],
  ['to the project by its absolute path', 'here', 'ROOT', true],
  ['to the root of the file system', 'src/all', '/', true],
  ['from deep inside to what holds the project', 'src/deep/up', '../../..', true],
  ['to the project, which rsync sends as a link', 'src/deep/top', '../..', false],
  ['to the directory that it is in, as a link', 'src/self', '.', false],
  ['to a directory beside the project', 'beside', '../beside', false],
  ['to a file outside', 'file', '../file', false],
  ['to nothing', 'nothing', '../nothing', false],
  ['to itself', 'loop', '../project/loop', false],
])('a link %s', (_, path, target, endless) => {
  mkdirSync(join(directory, 'beside'));
  writeFileSync(join(directory, 'file'), '');
  symlinkSync(target === 'ROOT' ? root : target, join(root, path));
  expect(endlessLinks(root)).toEqual(endless ? [path] : []);
});

test('links in directories of any name are found, and what is never sent is not looked at', () => {
  mkdirSync(join(root, 'src/odd \n*'));
  symlinkSync('/', join(root, 'src/odd \n*/all'));
  for (const name of ['.git', 'dist-newstyle', '.stack-work']) {
    mkdirSync(join(root, 'src', name));
    symlinkSync('/', join(root, 'src', name, 'all'));
  }
  expect(endlessLinks(root)).toEqual(['src/odd \n*/all']);
});

test('a directory that cannot be read is left to rsync', () => {
  expect(endlessLinks(join(root, 'missing'))).toEqual([]);
});
