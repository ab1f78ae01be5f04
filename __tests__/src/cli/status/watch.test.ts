import { stripVTControlCharacters } from 'node:util';
import type { StatusReport } from '../../../../src/cli/status/report';
import { watchStatus } from '../../../../src/cli/status/watch';
import type { Terminal } from '../../../../src/cli/terminal';
import { statusReport, vmStatus } from './support/vm-status';

const UP = statusReport(vmStatus());
const LATER = statusReport(
  vmStatus({
    hubEntry: { state: 'fresh', heartbeatAgeSeconds: 14, ghcVersions: ['9.8.4', '9.6.6'] },
    facts: { ...vmStatus().facts, load: 3.5, uptimeSeconds: 7302 },
  }),
);
const DOWN = statusReport(
  vmStatus({
    tunnel: { state: 'closed', detail: '' },
    usable: false,
    problem: { reason: 'the tunnel is down', remedy: 'wait' },
  }),
);

/** Watches reports come and go, and says what was written. It ends when the last one has been seen. */
async function watch(reports: readonly StatusReport[], changes: Partial<Terminal> = {}): Promise<string[]> {
  const written: string[] = [];
  const stop = new AbortController();
  const terminal: Terminal = {
    data: (text) => void written.push(text),
    draw: (screen) => void written.push(screen),
    message: () => undefined,
    error: () => undefined,
    json: false,
    colour: false,
    ...changes,
  };
  const left = [...reports];
  const look = () => {
    const next = left.shift();
    if (next === undefined) {
      stop.abort();
      return Promise.reject(new Error('what was under way is cancelled'));
    }
    return Promise.resolve(next);
  };
  await watchStatus({ terminal, signal: stop.signal, seconds: 0.001, look });
  return written;
}

test('without a terminal a table is written when a state has changed, not when a number has', async () => {
  const written = await watch([UP, LATER, UP, DOWN, DOWN, UP]);
  expect(written).toHaveLength(3);
  expect(written[0]).toMatch(/^VM .*\nalpha +running +up /);
  expect(written[1]).toMatch(/^\nVM .*\nalpha +running +closed [^]*\nalpha: the tunnel is down: wait$/);
  expect(written[2]).toMatch(/^\nVM .*\nalpha +running +up /);
});

test('with --json each change is one line', async () => {
  const written = await watch([UP, LATER, DOWN], { json: true, screen: { columns: 80, rows: 24 } });
  expect(written.map((line) => JSON.parse(line) as unknown)).toEqual([UP, DOWN]);
  expect(written.join('')).not.toContain('\n');
});

test.each([
  ['power', vmStatus({ power: { state: 'paused', detail: '' } })],
  ['a build', vmStatus({ facts: { ...vmStatus().facts, builds: [] } })],
  ['an image', vmStatus({ image: { ...vmStatus().image, state: 'outdated' } })],
  ['a note', vmStatus({ notes: [{ reason: 'a', remedy: 'b' }] })],
])('a change of %s is one', async (_, vm) => {
  expect(await watch([UP, statusReport(vm)])).toHaveLength(2);
});

test('a terminal shows each look in its place, and keeps the last one', async () => {
  const written = await watch([UP, LATER, DOWN], { screen: { columns: 100, rows: 24 } });
  expect(written).toHaveLength(4);
  expect(written[0]?.startsWith('\u001b[?1049h\u001b[?25l\u001b[H')).toBe(true);
  for (const frame of written.slice(1, 3)) expect(frame.startsWith('\u001b[Hfleet fleet, every 0.001 s, ')).toBe(true);
  expect(written[3]?.startsWith('\u001b[?25h\u001b[?1049l')).toBe(true);
  expect(stripVTControlCharacters(written[3] ?? '')).toMatch(/^VM [^]*\nalpha: the tunnel is down: wait$/);
});

test('a frame never has more rows than the terminal', async () => {
  const vms = Array.from({ length: 30 }, (_, index) => vmStatus({ id: `vm${index}` }));
  const [frame = ''] = await watch([statusReport(...vms)], { screen: { columns: 60, rows: 10 } });
  expect(frame.split('\n')).toHaveLength(10);
  const long = { reason: 'x'.repeat(200), remedy: 'y' };
  const [wrapped = ''] = await watch([statusReport(vmStatus({ notes: [long, long] }))], {
    screen: { columns: 60, rows: 10 },
  });
  // Title, empty line, header, one VM, empty line; a sentence takes four rows, and the second has no room.
  expect(stripVTControlCharacters(wrapped).split('xy').length).toBe(1);
  expect(stripVTControlCharacters(wrapped).match(/x{200}/g)).toHaveLength(1);
});

test('an unexpected failure is one, and gives the terminal back', async () => {
  const written: string[] = [];
  const terminal: Terminal = {
    ...{ message: () => undefined, error: () => undefined, json: false, colour: false },
    data: (text) => void written.push(text),
    draw: (screen) => void written.push(screen),
    screen: { columns: 80, rows: 24 },
  };
  let looks = 0;
  const look = () => (looks++ === 0 ? Promise.resolve(UP) : Promise.reject(new Error('fleet.json is gone')));
  await expect(watchStatus({ terminal, signal: new AbortController().signal, seconds: 0.001, look })).rejects.toThrow(
    'fleet.json is gone',
  );
  expect(written.at(-1)).toContain('\u001b[?1049l');
});
