import fc from 'fast-check';
import {
  HISTORY_MINUTES,
  lastMinutes,
  RING_BYTES,
  withHeartbeat,
  type HeartbeatHistory,
} from '../../../src/hub/heartbeats';

const START = Math.floor(Date.parse('2026-11-01T12:00:00Z') / 60_000);
const at = (minute: number, second = 0) => new Date((minute * 60 + second) * 1000);

function beaten(...minutes: number[]): HeartbeatHistory {
  const history = minutes.reduce<HeartbeatHistory | undefined>((h, n) => withHeartbeat(h, at(START + n)), undefined);
  if (history === undefined) throw new Error('no minutes given');
  return history;
}

const shown = (history: HeartbeatHistory | undefined, now: Date, count: number) =>
  lastMinutes(history, now, count)
    .map((minute) => ({ beat: '#', missed: '-', unknown: '.' })[minute])
    .join('');

it('shows the minutes with a heartbeat, those without, and those before the first', () => {
  expect(shown(beaten(0, 1, 2, 5), at(START + 5), 8)).toBe('..###--#');
  expect(shown(undefined, at(START), 3)).toBe('...');
});

it('calls the present minute missed only when it is over', () => {
  expect(shown(beaten(0), at(START + 1, 59), 2)).toBe('#.');
  expect(shown(beaten(0), at(START + 3, 10), 4)).toBe('#--.');
});

it('counts several heartbeats of a minute once', () => {
  const twice = withHeartbeat(withHeartbeat(undefined, at(START, 5)), at(START, 35));
  expect(shown(twice, at(START, 40), 2)).toBe('.#');
});

it('leaves the history it was given as it is', () => {
  const first = beaten(0);
  withHeartbeat(first, at(START + 1));
  expect(first).toEqual(beaten(0));
});

it('forgets what is older than a day, and needs no more room for it', () => {
  const history = beaten(0, 1, HISTORY_MINUTES + 1, HISTORY_MINUTES + 2);
  expect(shown(history, at(START + HISTORY_MINUTES + 2), HISTORY_MINUTES)).toMatch(/^-+##$/);
  expect(history.ring).toHaveLength(RING_BYTES);
});

it('follows a clock that was set back, by a little and by years', () => {
  expect(shown(beaten(0, 1, 2, 30, 3), at(START + 4, 1), 6)).toBe('.####.');
  expect(shown(beaten(0, 1, -1_000_000), at(START - 1_000_000), 4)).toBe('...#');
});

it('shows what a list of all heartbeats would', () => {
  const step = fc.oneof(
    fc.integer({ min: 0, max: 3 }),
    fc.integer({ min: 0, max: 3 * HISTORY_MINUTES }),
    fc.integer({ min: -5, max: -1 }),
    fc.integer({ min: -2 * HISTORY_MINUTES, max: -1 }),
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), fc.nat(2 * HISTORY_MINUTES), (steps, later) => {
      let minute = START;
      let history: HeartbeatHistory | undefined;
      let all = new Set<number>();
      let since = Infinity;
      for (const change of steps) {
        if (change <= -HISTORY_MINUTES) since = Infinity;
        minute += change;
        // What is a day old is forgotten; after the clock was set back, what lies after it has not been yet.
        all = new Set([...all].filter((beat) => beat < minute && beat > minute - HISTORY_MINUTES)).add(minute);
        since = Math.min(since, minute);
        history = withHeartbeat(history, at(minute));
      }
      const present = minute + later;
      const expected = Array.from({ length: HISTORY_MINUTES }, (_, n) => {
        const asked = present - HISTORY_MINUTES + 1 + n;
        if (asked < since) return '.';
        if (all.has(asked)) return '#';
        return asked === present ? '.' : '-';
      });
      expect(shown(history, at(present), HISTORY_MINUTES)).toBe(expected.join(''));
    }),
    { numRuns: 200 },
  );
});
