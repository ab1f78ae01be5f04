import fc from 'fast-check';
import { appendFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventDecoder, JournalFollower } from '../../../../src/cli/deploy/journal-follower';
import type { JournalEvent } from '../../../../src/model/journal';
import { temporaryDirectory } from '../../../support/temporary-directory';

const SUBJECT = {
  time: '2026-01-02T03:04:05.000Z',
  type: 'buildfleet_vm',
  name: 'haskell-build-alpha',
  action: 'create',
} as const;
const event = (operation: string, step: string): JournalEvent => ({ event: 'step', ...SUBJECT, operation, step });
const line = (of: JournalEvent) => `${JSON.stringify(of)}\n`;

const events = fc.array(
  fc.tuple(fc.constantFrom('1-1', '1-2', '2-1'), fc.string({ unit: 'grapheme' })).map(([id, text]) => event(id, text)),
  { maxLength: 30 },
);

test('events come out as they went in, wherever the text is cut', () => {
  fc.assert(
    fc.property(events, fc.array(fc.nat({ max: 4000 }), { maxLength: 20 }), (written, cuts) => {
      const text = written.map(line).join('');
      const decoder = new EventDecoder();
      const places = [0, ...cuts.filter((cut) => cut < text.length).sort((one, other) => one - other), text.length];
      const read = places.slice(1).flatMap((place, n) => decoder.take(text.slice(places[n], place)));
      expect(read).toEqual(written);
    }),
  );
});

test('a torn line and what is no event cost only themselves', () => {
  fc.assert(
    fc.property(events, events, fc.string(), (before, after, junk) => {
      const torn = line(event('9-9', 'torn')).slice(0, 40);
      const lines = [...before.map(line), `${junk.replaceAll('\n', '')}\n`, '{"event":"step"}\n', `${torn}\n`];
      const read = new EventDecoder().take([...lines, ...after.map(line)].join(''));
      expect(read).toEqual([...before, ...after]);
    }),
  );
});

describe('a file', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = temporaryDirectory();
    path = join(directory, 'run.jsonl');
  });
  test('is followed from before it is there until after it is gone', () => {
    let isKnown = false;
    const follower = new JournalFollower(() => (isKnown ? path : undefined));
    expect(follower.read()).toEqual([]);
    isKnown = true;
    expect(follower.read()).toEqual([]);
    writeFileSync(path, line(event('1-1', 'one')));
    expect(follower.read()).toEqual([event('1-1', 'one')]);
    appendFileSync(path, line(event('1-1', 'two')) + line(event('1-1', 'three')).slice(0, 20));
    expect(follower.read()).toEqual([event('1-1', 'two')]);
    appendFileSync(path, line(event('1-1', 'three')).slice(20) + line(event('1-1', 'last')));
    unlinkSync(path);
    expect(follower.read()).toEqual([event('1-1', 'three'), event('1-1', 'last')]);
    expect(follower.read()).toEqual([]);
    follower.close();
  });

  test('longer than one read, with characters of several bytes across its pieces', () => {
    const many = Array.from({ length: 900 }, (_, n) => event('1-1', `Schritt ${n} – ${'ü'.repeat(100)}`));
    writeFileSync(path, many.map(line).join(''));
    const follower = new JournalFollower(() => path);
    expect(follower.read()).toEqual(many);
    follower.close();
  });
});
