import fc from 'fast-check';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { EventDecoder } from '../../../../src/cli/deploy/journal-follower';
import type { JournalEvent } from '../../../../src/model/journal';
import { JournalFile } from '../../../../src/provider/journal/journal-file';
import { temporaryDirectory } from '../../../support/temporary-directory';

let root: string;
let directory: string;

beforeEach(() => {
  root = temporaryDirectory();
  directory = join(root, 'buildfleet/fleet/journal');
});

const SUBJECT = {
  time: '2026-01-02T03:04:05.000Z',
  operation: '1-1',
  type: 'buildfleet_vm',
  name: 'haskell-build-alpha',
  action: 'create',
} as const;
const step = (text: string): JournalEvent => ({ event: 'step', ...SUBJECT, step: text });
const end = (parts: Partial<Extract<JournalEvent, { event: 'end' }>> = {}): JournalEvent => ({
  ...{ event: 'end', ...SUBJECT, outcome: 'done', seconds: 1, warnings: [] },
  ...parts,
});
const file = (options: { run?: string; limitBytes?: number } = {}) =>
  new JournalFile({ directory, run: 'run', ...options });
const written = (run = 'run') => new EventDecoder().take(readFileSync(join(directory, `${run}.jsonl`), 'utf8'));

test('several writers of a run write whole lines to one file, which only its owner may read', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: 2 }), fc.string({ unit: 'binary' })), { minLength: 1, maxLength: 40 }),
      (writes) => {
        rmSync(directory, { recursive: true, force: true });
        const writers = [file(), file(), file()];
        for (const [writer, text] of writes) writers[writer]!.append(step(text));
        expect(written()).toEqual(writes.map(([, text]) => step(text)));
      },
    ),
    { numRuns: 50 },
  );
  expect(statSync(join(directory, 'run.jsonl')).mode & 0o777).toBe(0o600);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

test('nothing is made before there is an event', () => {
  file().close();
  expect(existsSync(directory)).toBe(false);
});

test('a file that has grown too large takes no more steps, and still takes ends', () => {
  const journal = file({ limitBytes: 1000 });
  for (let n = 0; n < 100; n += 1) journal.append(step(`step ${n}`));
  journal.append(end());
  expect(written().length).toBeLessThan(10);
  expect(written().at(-1)).toEqual(end());
});

test('a new run leaves the four before it, with their logs', () => {
  mkdirSync(directory, { recursive: true });
  for (let n = 1; n <= 6; n += 1) {
    for (const name of [`old-${n}.jsonl`, `old-${n}.log`]) {
      writeFileSync(join(directory, name), '');
      utimesSync(join(directory, name), n, n);
    }
  }
  file().append(step('begins'));
  const kept = [3, 4, 5, 6].flatMap((n) => [`old-${n}.jsonl`, `old-${n}.log`]);
  expect(readdirSync(directory).sort()).toEqual([...kept, 'run.jsonl']);
});

test('a full disk costs events and throws nothing', () => {
  mkdirSync(directory, { recursive: true });
  symlinkSync('/dev/full', join(directory, 'run.jsonl'));
  expect(() => {
    file().append(step('lost'));
  }).not.toThrow();
});

test('a directory that cannot be made costs events and throws nothing', () => {
  writeFileSync(join(root, 'buildfleet'), '');
  const journal = file();
  journal.append(step('lost'));
  journal.append(end());
  journal.close();
  expect(readFileSync(join(root, 'buildfleet'), 'utf8')).toBe('');
});

describe('the end of a destroy', () => {
  const removed = { ...end(), action: 'delete' } as const;

  test('takes the journals away, and the directories that nothing else is in', () => {
    const deploy = file({ run: 'deploy' });
    deploy.append(end());
    deploy.close();
    writeFileSync(join(directory, 'deploy.log'), '');
    const destroy = file();
    destroy.append(removed);
    destroy.close();
    expect(readdirSync(root)).toEqual([]);
  });

  test('leaves the log that the caller writes', () => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'run.log'), '');
    const destroy = file();
    destroy.append(removed);
    destroy.close();
    expect(readdirSync(directory)).toEqual(['run.log']);
  });

  test.each([
    ['something else was made', { ...end() }],
    ['something could not be deleted', { ...removed, outcome: 'failed' as const }],
  ])('leaves everything where %s', (_, event) => {
    mkdirSync(directory, { recursive: true });
    const again = file({ run: 'again' });
    again.append(removed);
    again.append(event);
    again.close();
    expect(existsSync(join(directory, 'again.jsonl'))).toBe(true);
  });

  test('leaves everything where the fleet still has files', () => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, '../fleet.json'), '');
    const destroy = file();
    destroy.append(removed);
    destroy.close();
    expect(existsSync(join(directory, 'run.jsonl'))).toBe(true);
  });

  test('makes no directory for a fleet that has none', () => {
    file().append(removed);
    expect(readdirSync(root)).toEqual([]);
  });
});
