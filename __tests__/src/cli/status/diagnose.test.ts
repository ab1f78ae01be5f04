import fc from 'fast-check';
import { diagnose, type Findings } from '../../../../src/cli/status/diagnose';
import { hubEntrySchema, powerSchema, tunnelSchema } from '../../../../src/cli/status/report';

const GOOD: Findings = {
  fleet: 'fleet',
  tunnelPort: 12221,
  power: { state: 'running', detail: '' },
  tunnel: { state: 'up', detail: '' },
  hubEntry: { state: 'fresh', heartbeatAgeSeconds: 3, ghcVersions: ['9.6.6'] },
  hub: { url: 'http://127.0.0.1:8000', detail: '' },
  sshdListens: true,
  sshdPort: 12220,
  portOwner: '',
  consoleLog: '/state/vms/alpha/console.log',
};

test('a VM without a fault can be used', () => {
  expect(diagnose(GOOD)).toBeNull();
  expect(diagnose({ ...GOOD, power: { state: 'unknown', detail: 'not ours' } })).toBeNull();
  expect(diagnose({ ...GOOD, hubEntry: { ...GOOD.hubEntry, state: 'unknown-age' } })).toBeNull();
});

test('every fault has a reason and a remedy', () => {
  const findings = fc.record({
    power: fc.constantFrom(...powerSchema.shape.state.options).map((state) => ({ state, detail: '' })),
    tunnel: fc.constantFrom(...tunnelSchema.shape.state.options).map((state) => ({ state, detail: 'detail' })),
    hubEntry: fc.constantFrom(...hubEntrySchema.shape.state.options).map((state) => ({ ...GOOD.hubEntry, state })),
    sshdListens: fc.boolean(),
  });
  fc.assert(
    fc.property(findings, (found) => {
      const problem = diagnose({ ...GOOD, ...found });
      const fine =
        ['running', 'unknown'].includes(found.power.state) &&
        ['up', 'slow'].includes(found.tunnel.state) &&
        ['fresh', 'unknown-age'].includes(found.hubEntry.state);
      expect(problem === null).toBe(fine);
      for (const text of problem === null ? [] : [problem.reason, problem.remedy])
        expect(text).toMatch(/^[^\n]{10,}[^.\n]$/);
    }),
  );
});

test('the cause is told rather than what follows from it', () => {
  const down: Findings = {
    ...GOOD,
    tunnel: { state: 'closed', detail: '' },
    hubEntry: { ...GOOD.hubEntry, state: 'stale' },
  };
  expect(diagnose({ ...down, power: { state: 'crashed', detail: 'guest panicked' } })?.reason).toBe(
    'the VM has crashed (guest panicked)',
  );
  expect(diagnose({ ...down, sshdListens: false })?.reason).toContain("the workstation's sshd on port 12220 is down");
  expect(diagnose(down)?.remedy).toContain('/state/vms/alpha/console.log');
  expect(
    diagnose({ ...GOOD, tunnel: { state: 'not-ssh', detail: '' }, portOwner: 'nc (pid 1, user root)' })?.reason,
  ).toContain('held by nc');
});

test('a VM that was halted because its disk cannot grow is told to need room first', () => {
  const remedy = (detail: string) => diagnose({ ...GOOD, power: { state: 'paused', detail } })?.remedy;
  expect(remedy('qemu status io-error')).toBe(
    "free some space on the host's disk, then run `cdktf deploy fleet`, which lets it go on",
  );
  expect(remedy('qemu status paused')).toBe('run `cdktf deploy fleet`, which lets it go on');
});
