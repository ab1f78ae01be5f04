import fc from 'fast-check';
import { parseProbe } from '../../../../src/cli/work/probe';

test('reads what the script prints', () => {
  expect(
    parseProbe('load 0.52\ncpus 4\nmemory-free 2048\nworkspace 1700000000\ndraining\nbuilding a-1\nbuilding b-2\n'),
  ).toEqual({
    load: 0.52,
    cpus: 4,
    memoryFreeMib: 2048,
    workspaceUsed: 1700000000,
    building: ['a-1', 'b-2'],
    draining: true,
  });
});

test('takes anything else for a machine that says nothing', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const { load, cpus, memoryFreeMib } = parseProbe(text);
      expect([load, cpus, memoryFreeMib].every(Number.isFinite)).toBe(true);
      expect(cpus).toBeGreaterThanOrEqual(1);
    }),
  );
});
