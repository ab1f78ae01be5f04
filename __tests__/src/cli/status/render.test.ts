import fc from 'fast-check';
import { renderStatus } from '../../../../src/cli/status/render';
import { statusReportSchema } from '../../../../src/cli/status/report';
import { statusReport, vmStatus } from './support/vm-status';

const DOWN = vmStatus({
  id: 'beta',
  power: { state: 'stopped', detail: '' },
  tunnel: { state: 'closed', detail: '' },
  hubEntry: { state: 'stale', heartbeatAgeSeconds: 86_500, ghcVersions: ['9.6.6'] },
  image: { id: 'haskell', state: 'outdated', definitionHash: 'ab', hash: 'cd', ageDays: 12 },
  usable: false,
  problem: { reason: 'the VM is powered off', remedy: 'run `cdktf deploy fleet`, which starts it' },
});

test('the whole table, where there is room', () => {
  expect(renderStatus(statusReport(vmStatus(), DOWN), false).split('\n')).toEqual([
    'VM     POWER    TUNNEL         HUB ENTRY   GHC           LOAD    BUILDS  FREE MEM  FREE DISK  UP   IMAGE          LOG IN',
    'alpha  running  up :12221      fresh 12 s  9.8.4, 9.6.6  0.07/4  1       6.9 GiB   29.5 GiB   2 h  current        ssh alpha',
    'beta   stopped  closed :12221  stale 24 h  9.6.6                                                   outdated 12 d',
    '',
    'beta: the VM is powered off: run `cdktf deploy fleet`, which starts it',
  ]);
});

test('a narrow terminal goes without what matters least, and never without what keeps a VM from being used', () => {
  const header = (columns: number) => renderStatus(statusReport(vmStatus()), false, columns).split('\n')[0];
  expect(header(100)).toBe(
    'VM     POWER    TUNNEL     HUB ENTRY   GHC           LOAD    BUILDS  FREE MEM  FREE DISK  IMAGE',
  );
  expect(header(62)).toBe('VM     POWER    TUNNEL     HUB ENTRY   LOAD    BUILDS  IMAGE');
  expect(header(10)).toBe('VM     POWER    TUNNEL     HUB ENTRY');
});

test('no line of the table is wider than a terminal of a usual width', () => {
  fc.assert(
    fc.property(fc.integer({ min: 60, max: 200 }), (columns) => {
      const [header, ...rows] = renderStatus(statusReport(vmStatus(), vmStatus()), false, columns).split('\n');
      for (const line of [header, ...rows]) expect(line?.length).toBeLessThanOrEqual(columns);
    }),
  );
});

test('notes stand below the table, and do not make a VM unusable', () => {
  const note = { reason: 'only 300 MiB are left for workspaces', remedy: 'remove what is not needed' };
  const lines = renderStatus(statusReport(vmStatus({ notes: [note] })), false).split('\n');
  expect(lines[1]).toContain('ssh alpha');
  expect(lines[3]).toBe('alpha: only 300 MiB are left for workspaces: remove what is not needed');
});

test('what was not said is left empty', () => {
  const facts = {
    ...{ cpus: null, load: null, memoryMib: null, memoryFreeMib: null, diskFreeMib: null },
    ...{ uptimeSeconds: null, clockAheadSeconds: null, builds: null },
  };
  const image = { id: 'haskell', state: 'unknown', definitionHash: 'ab', hash: null, ageDays: null } as const;
  expect(renderStatus(statusReport(vmStatus({ facts, image })), false).split('\n')[1]).toMatch(
    /^alpha {2}running {2}up :12221 {2}fresh 12 s {2}9\.8\.4, 9\.6\.6 +ssh alpha$/,
  );
});

test('good and bad are coloured', () => {
  const text = renderStatus(statusReport(vmStatus(), DOWN), true);
  expect(text).toContain('\u001b[32mrunning\u001b[0m');
  expect(text).toContain('\u001b[31mclosed :12221\u001b[0m');
});

test('the examples are what the schema describes', () => {
  const report = statusReport(vmStatus(), DOWN);
  expect(statusReportSchema.parse(report)).toEqual(report);
});
