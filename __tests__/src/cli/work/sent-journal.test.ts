import fc from 'fast-check';
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAsSent, SentJournal } from '../../../../src/cli/work/sent-journal';
import { parseAsides } from '../../../../src/cli/work/set-aside';
import { temporaryDirectory } from '../../../support/temporary-directory';

const LATER = Date.now() + 100_000;

function stateOf(path: string): { mtime: string; size: string } {
  const { mtimeNs, size } = statSync(path, { bigint: true });
  return { mtime: String(mtimeNs), size: String(size) };
}

test('what is noted first is the whole project, then what was sent', () => {
  const root = temporaryDirectory();
  for (const directory of ['src', 'dist-newstyle', '.git']) mkdirSync(join(root, directory));
  for (const path of ['src/A.hs', 'dist-newstyle/o', '.git/config']) writeFileSync(join(root, path), '');
  const journal = new SentJournal(join(temporaryDirectory(), 'journal'));
  expect(journal.read()).toBeUndefined();
  journal.note(root, [], LATER);
  expect([...(journal.read()?.stamps.keys() ?? [])]).toEqual(['src/A.hs']);
  writeFileSync(join(root, 'B \\#012.hs'.replace('\\#012', '\n')), 'b');
  journal.note(root, ['B \\#012.hs'], LATER);
  journal.settle('0123');
  const { stamps, settled } = journal.read() ?? { stamps: new Map<string, string>(), settled: '' };
  expect(settled).toBe('0123');
  expect(isAsSent(stamps, 'B \n.hs', stateOf(join(root, 'B \n.hs')))).toBe(true);
  expect(isAsSent(stamps, 'B \n.hs', { ...stateOf(join(root, 'B \n.hs')), size: '2' })).toBe(false);
  expect(isAsSent(stamps, 'made there', { mtime: '1', size: '1' })).toBe(false);
});

test('what was being written, or lies behind a link, is not told', () => {
  const root = temporaryDirectory();
  mkdirSync(join(root, 'real'));
  writeFileSync(join(root, 'real/A.hs'), '');
  symlinkSync('real', join(root, 'link'));
  const journal = new SentJournal(join(temporaryDirectory(), 'journal'));
  journal.note(root, [], 0);
  journal.note(root, ['link/A.hs'], LATER);
  const stamps = journal.read()?.stamps ?? new Map<string, string>();
  const state = stateOf(join(root, 'real/A.hs'));
  expect([isAsSent(stamps, 'real/A.hs', state), isAsSent(stamps, 'link/A.hs', state)]).toEqual([undefined, undefined]);
});

test('a VM that counts whole seconds has the file as it was sent', () => {
  const stamps = new Map([['A.hs', '1700000000123456789 5']]);
  expect(isAsSent(stamps, 'A.hs', { mtime: '1700000000000000000', size: '5' })).toBe(true);
  expect(isAsSent(stamps, 'A.hs', { mtime: '1700000001000000000', size: '5' })).toBe(false);
});

test('it does not grow with each edit', () => {
  const root = temporaryDirectory();
  const path = join(temporaryDirectory(), 'journal');
  writeFileSync(join(root, 'A.hs'), '');
  const journal = new SentJournal(path);
  for (let edit = 0; edit < 100; edit++) {
    journal.note(root, ['A.hs'], LATER);
    journal.read();
  }
  expect(readFileSync(path, 'utf8').split('\0').length).toBeLessThan(10);
});

test('the list of what was put aside is read from between the words of others', () => {
  const name = fc.stringMatching(/^[^\0/]+$/).filter((text) => text !== '');
  fc.assert(
    fc.property(fc.array(name), fc.stringMatching(/^[^\0]*$/), (names, words) => {
      const text = names.map((one) => `\0aside 1700000000.1234567890 7 ${one}\0${words}`).join('');
      const found = parseAsides(`${words}${text}`).filter(({ mtime }) => mtime === '1700000000123456789');
      expect(found.slice(0, names.length).map((one) => one.name)).toEqual(names);
    }),
  );
});
