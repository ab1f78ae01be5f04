import type { ProgressNote } from '../../../../src/model/capability';
import type { JournalEvent } from '../../../../src/model/journal';
import { HubNotes } from '../../../../src/provider/journal/hub-notes';

let notes: ProgressNote[];
let taker: HubNotes;

beforeEach(() => {
  jest.useFakeTimers();
  notes = [];
  const client = {
    postProgress: (note: ProgressNote) => {
      notes.push(note);
      return Promise.resolve(true);
    },
  };
  taker = new HubNotes({ fleet: 'fleet', hub: () => ({ client, domain: 'railiance' }), longMs: 20_000 });
});

afterEach(() => {
  jest.useRealTimers();
});

const SUBJECT = {
  time: '2026-01-02T03:04:05.000Z',
  operation: '1-1',
  type: 'buildfleet_vm',
  name: 'haskell-build-alpha',
  action: 'create',
} as const;
const step = (text: string): JournalEvent => ({ event: 'step', ...SUBJECT, step: text });
const end: JournalEvent = { event: 'end', ...SUBJECT, outcome: 'done', seconds: 95.2, warnings: [] };

test('short steps get no note', () => {
  taker.take({ event: 'begin', ...SUBJECT });
  taker.take(step('writing the seed'));
  jest.advanceTimersByTime(19_000);
  taker.take(step('starting the VM'));
  jest.advanceTimersByTime(19_000);
  taker.take(end);
  jest.advanceTimersByTime(60_000);
  expect(notes).toEqual([]);
});

test('a long step has a note, however often it reports, and so has the end', () => {
  taker.take(step('waiting for the tunnel'));
  jest.advanceTimersByTime(15_000);
  taker.take(step('waiting for the tunnel'));
  jest.advanceTimersByTime(15_000);
  taker.take(end);
  expect(notes).toEqual([
    {
      domain: 'railiance',
      event_type: 'deploy',
      summary: 'fleet: create buildfleet_vm haskell-build-alpha: waiting for the tunnel',
      detail: '',
    },
    {
      domain: 'railiance',
      event_type: 'deploy',
      summary: 'fleet: create buildfleet_vm haskell-build-alpha: done after 95 s',
      detail: '',
    },
  ]);
});

test('without a hub nothing happens', () => {
  const alone = new HubNotes({ fleet: 'fleet', hub: () => null, longMs: 1 });
  alone.take(step('waiting for the tunnel'));
  expect(() => {
    jest.advanceTimersByTime(60_000);
  }).not.toThrow();
});
