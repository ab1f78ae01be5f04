import { mkdirSync, realpathSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freshFiles } from '../../../../src/cli/work/fresh-files';
import { temporaryDirectory } from '../../../support/temporary-directory';

const root = realpathSync(temporaryDirectory());
const file = (name: string, seconds: number) => {
  writeFileSync(join(root, name), '');
  utimesSync(join(root, name), seconds, seconds);
};

test('files whose next change may have the same time, and when it has another', () => {
  const second = Math.floor(Date.now() / 1000) - 1;
  file('whole', second);
  file('early', second + 0.25);
  file('late', second + 0.49);
  file('future', second + 3600);
  mkdirSync(join(root, 'directory'));
  symlinkSync('.', join(root, 'link'));
  symlinkSync('whole', join(root, 'linked'));
  const names = ['whole', 'early', 'late', 'future', 'directory', 'gone', 'link/whole', 'linked'];
  const since = second * 1000 + 500;
  expect(freshFiles(root, names, since)).toEqual({ names: ['whole', 'late'], until: (second + 2) * 1000 });
  expect(freshFiles(root, ['early'], since)).toEqual({ names: [], until: 0 });
});
