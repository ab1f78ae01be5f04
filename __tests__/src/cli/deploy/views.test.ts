import { LiveView, PlainView } from '../../../../src/cli/deploy/views';
import type { JournalEvent } from '../../../../src/model/journal';

const BEGUN = Date.UTC(2026, 0, 2);
const SUBJECT = {
  time: new Date(BEGUN).toISOString(),
  operation: '1-1',
  type: 'buildfleet_vm',
  name: 'haskell-build-alpha',
  action: 'create',
} as const;
const step = (text: string): JournalEvent => ({ event: 'step', ...SUBJECT, step: text });
const end: JournalEvent = { event: 'end', ...SUBJECT, outcome: 'done', seconds: 95, warnings: [] };

test('without a terminal every step is a line, and one that goes on is told again', () => {
  const lines: string[] = [];
  let now = BEGUN;
  const view = new PlainView(
    (text) => lines.push(text),
    () => now,
  );
  view.tick('fleet: changing');
  view.tick('fleet: changing');
  view.event({ event: 'begin', ...SUBJECT });
  now += 12_000;
  view.event(step('waiting for the tunnel'));
  now += 29_000;
  view.event(step('waiting for the tunnel'));
  view.tick('fleet: changing');
  now += 1000;
  view.tick('fleet: changing');
  view.line('smoke test ok');
  view.event(end);
  expect(lines).toEqual([
    'fleet: changing',
    'alpha: waiting for the tunnel (12 s)',
    'alpha: waiting for the tunnel (42 s)',
    'smoke test ok',
    'alpha: created (95 s)',
  ]);
});

test('on a terminal lines are drawn over, and what has ended stays above', () => {
  let written = '';
  const view = new LiveView({ write: (text) => (written += text) }, () => 80, false);
  view.tick('fleet: changing');
  view.event(step('waiting for the tunnel'));
  view.tick('fleet: changing');
  view.event(end);
  view.tick('fleet: changing');
  view.close();
  expect(screenOf(written)).toEqual(['alpha: created (95 s)']);
  expect(written).toContain('waiting for the tunnel');
  // the cursor is hidden once and shown again
  expect(written.split('\u001b[?25l')).toHaveLength(2);
  expect(written.endsWith('\u001b[?25h')).toBe(true);
});

/** What a terminal shows in the end, by the few sequences that are used. */
function screenOf(written: string): string[] {
  const lines: string[] = [];
  let row = 0;
  // eslint-disable-next-line no-control-regex -- escape sequences are what is read
  for (const token of written.match(/\r?\u001b\[\??\d*[A-Za-z]|[^\u001b\r\n]+|\n|\r/g) ?? []) {
    // eslint-disable-next-line no-control-regex -- escape sequences are what is read
    const [, count] = /\u001b\[(\d+)A/.exec(token) ?? [];
    if (count !== undefined) row -= Number(count);
    else if (token.endsWith('[J')) lines.length = row;
    else if (token === '\n') row += 1;
    else if (!token.startsWith('\u001b') && token !== '\r') lines[row] = token;
  }
  return lines;
}
