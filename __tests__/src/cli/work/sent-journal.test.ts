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

test('all files of the project are noted, or those that were sent', () => {
  const root = temporaryDirectory();
  for (const directory of ['src', 'dist-newstyle', '.git']) mkdirSync(join(root, directory));
  for (const path of ['src/A.hs', 'dist-newstyle/o', '.git/config']) writeFileSync(join(root, path), '');
  const journal = new SentJournal(join(temporaryDirectory(), 'journal'));
  expect(journal.read()).toBeUndefined();
  journal.begin('01');
  journal.end('01', { root, names: undefined, since: LATER });
  expect([...(journal.read()?.stamps.keys() ?? [])]).toEqual(['src/A.hs']);
  writeFileSync(join(root, 'B \\#012.hs'.replace('\\#012', '\n')), 'b');
  journal.begin('02');
  expect(journal.read()).toMatchObject({ last: '01', isWhole: false });
  journal.end('02', { root, names: ['B \\#012.hs'], since: LATER }, ['01', '02']);
  const sent = journal.read();
  expect(sent).toMatchObject({ settled: ['01', '02'], last: '02', isWhole: true });
  const stamps = sent?.stamps ?? new Map<string, string>();
  expect(isAsSent(stamps, 'B \n.hs', stateOf(join(root, 'B \n.hs')))).toBe(true);
  expect(isAsSent(stamps, 'B \n.hs', { ...stateOf(join(root, 'B \n.hs')), size: '2' })).toBe(false);
  expect(isAsSent(stamps, 'made there', { mtime: '1', size: '1' })).toBe(false);
});

test('what a killed command has noted in part is no part of what the next one notes', () => {
  const root = temporaryDirectory();
  writeFileSync(join(root, 'A.hs'), '');
  const path = join(temporaryDirectory(), 'journal');
  writeFileSync(path, '1700000000123456789 5\tsrc/Ma');
  const journal = new SentJournal(path);
  expect(journal.read()?.stamps.size).toBe(0);
  journal.begin('01');
  journal.end('01', { root, names: ['A.hs'], since: LATER });
  expect(isAsSent(journal.read()?.stamps ?? new Map<string, string>(), 'A.hs', stateOf(join(root, 'A.hs')))).toBe(true);
});

test('what was being written, or lies behind a link, is not told', () => {
  const root = temporaryDirectory();
  mkdirSync(join(root, 'real'));
  writeFileSync(join(root, 'real/A.hs'), '');
  symlinkSync('real', join(root, 'link'));
  const journal = new SentJournal(join(temporaryDirectory(), 'journal'));
  journal.end('01', { root, names: undefined, since: 0 });
  journal.end('02', { root, names: ['link/A.hs'], since: LATER });
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
    journal.begin(`${edit}`);
    journal.end(`${edit}`, { root, names: ['A.hs'], since: LATER }, [`${edit}`]);
  }
  expect(readFileSync(path, 'utf8').split('\0').length).toBeLessThan(40);
  expect(journal.read()).toMatchObject({ last: '99', isWhole: true });
  expect(journal.read()?.settled).toContain('99');
  expect(journal.read()?.settled.length).toBe(16);
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
