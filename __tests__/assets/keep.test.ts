import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../support/temporary-directory';

const SCRIPT = join(__dirname, '../../assets/cli/keep.sh');

test('what was put aside before stays when the same path is put aside again, however old it is', () => {
  const directory = temporaryDirectory();
  const [workspace, books] = [join(directory, 'app'), join(directory, 'books')];
  mkdirSync(workspace);
  for (const [run, text] of Object.entries({ first: 'work', second: 'more work' })) {
    mkdirSync(`${books}.aside-${run}`);
    writeFileSync(`${books}.aside-${run}/a b.txt`, text);
    // as unpacked from an archive
    utimesSync(`${books}.aside-${run}/a b.txt`, 1_000_000_000, 1_000_000_000);
    expect(execFileSync('bash', [SCRIPT, workspace, books, run], { encoding: 'utf8' })).toBe('a b.txt\0');
  }
  const kept = readdirSync(`${books}.kept`).sort();
  expect(kept.map((name) => readFileSync(join(`${books}.kept`, name), 'utf8')).sort()).toEqual(['more work', 'work']);
});
