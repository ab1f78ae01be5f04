import fc from 'fast-check';
import { parseProbe } from '../../../../src/cli/work/probe';

const VM = { cpus: 4, memoryMib: 4096 };

test('reads what the script prints', () => {
  expect(
    parseProbe('load 0.52\nmemory-free 2048\nworkspace 1700000000\ndraining\nbuilding a-1\nbuilding b-2\nghcup\n', VM),
  ).toEqual({
    load: 0.52,
    cpus: 4,
    memoryFreeMib: 2048,
    workspaceUsed: 1700000000,
    building: ['a-1', 'b-2'],
    draining: true,
    hasGhcup: true,
  });
});

test('takes anything else for a machine that says nothing', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const { load, cpus, memoryFreeMib } = parseProbe(text, VM);
      expect([load, cpus, memoryFreeMib].every(Number.isFinite)).toBe(true);
      expect(cpus).toBeGreaterThanOrEqual(1);
    }),
  );
});

test.each(['-1000000', 'NaN', '-Infinity', '1e-300', '0x0', ' 0', '1e999', 'idle'])(
  'a load of %s is no reason to choose a VM',
  (load) => {
    expect(parseProbe(`load ${load}\n`, VM).load).toBeGreaterThan(1000);
  },
);

test('what a VM says of itself is no more than can be, and its CPUs are those of the fleet', () => {
  const text = `load 9${'0'.repeat(14)}\ncpus 4000000\nmemory-free 9${'0'.repeat(14)}\nworkspace 9${'0'.repeat(14)}\n`;
  const probe = parseProbe(text + 'building x\n'.repeat(100_000), VM);
  expect(probe).toMatchObject({ load: 10_000, cpus: 4, memoryFreeMib: 4096 });
  expect(probe.workspaceUsed).toBeLessThanOrEqual(Date.now() / 1000);
  expect(probe.building).toHaveLength(1000);
});
