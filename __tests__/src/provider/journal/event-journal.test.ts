import type { JournalEvent } from '../../../../src/model/journal';
import { journalEventSchema } from '../../../../src/model/journal';
import { EventJournal } from '../../../../src/provider/journal/event-journal';

let events: JournalEvent[];
let now: number;
let journal: EventJournal;

beforeEach(() => {
  events = [];
  now = Date.UTC(2026, 0, 2);
  journal = new EventJournal(
    (event) => events.push(event),
    () => now,
  );
});

const begin = (name = 'haskell') => journal.begin({ type: 'buildfleet_image', name, action: 'create' });
const steps = () =>
  events.flatMap((event) =>
    event.event === 'step' ? [[event.step, event.detail, event.amount?.done].filter((part) => part !== undefined)] : [],
  );

test('a whole operation, each line complete in itself', () => {
  const record = begin();
  record.step('installing packages', 'cabal-install');
  now += 2000;
  record.end({ outcome: 'failed', warnings: ['slow'], error: 'disk full\nindeed' });
  const subject = { type: 'buildfleet_image', name: 'haskell', action: 'create', operation: `${process.pid}-1` };
  expect(events).toEqual([
    { event: 'begin', ...subject, time: '2026-01-02T00:00:00.000Z' },
    {
      event: 'step',
      ...subject,
      time: '2026-01-02T00:00:00.000Z',
      step: 'installing packages',
      detail: 'cabal-install',
    },
    {
      event: 'end',
      ...subject,
      time: '2026-01-02T00:00:02.000Z',
      outcome: 'failed',
      seconds: 2,
      warnings: ['slow'],
      error: 'disk full indeed',
    },
  ]);
  for (const event of events) expect(journalEventSchema.parse(event)).toEqual(event);
});

test('two operations of one name are told apart', () => {
  begin();
  begin();
  expect(new Set(events.map(({ operation }) => operation)).size).toBe(2);
});

test('another step is always written, the same one only when it has something new to say, once a second', () => {
  const record = begin();
  record.step('one');
  record.step('two');
  record.step('two');
  record.step('two', 'a');
  now += 1000;
  record.step('two', 'b');
  record.step('two', 'c');
  now += 1000;
  record.step('two', 'b');
  expect(steps()).toEqual([['one'], ['two'], ['two', 'b']]);
});

test('amounts are written four times a second, the last one always, and none twice', () => {
  const record = begin();
  record.step('copying');
  const amount = (done: number) => {
    record.amount({ done, total: 10, unit: 'bytes' });
  };
  amount(1);
  now += 250;
  amount(2);
  amount(3);
  now += 250;
  amount(2);
  amount(10);
  amount(10);
  expect(steps()).toEqual([['copying'], ['copying', 2], ['copying', 10]]);
});

test('what tools say becomes one line without control characters', () => {
  begin('a\nb\u001b[31m').step('x'.repeat(500), 'one\r\ntwo');
  const [first, second] = events;
  expect(first?.name).toBe('a b');
  expect(second).toMatchObject({ step: `${'x'.repeat(199)}…`, detail: 'one two' });
});
