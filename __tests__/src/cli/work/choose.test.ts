import { type Candidate, choose, isBeyondComparison } from '../../../../src/cli/work/choose';
import type { Probe } from '../../../../src/cli/work/probe';

const idle: Probe = {
  load: 0,
  cpus: 4,
  memoryFreeMib: 4096,
  workspaceUsed: undefined,
  building: [],
  draining: false,
  hasGhcup: false,
};

function candidate(id: string, state: Partial<Probe> | string, more: Partial<Candidate> = {}): Candidate {
  return {
    vm: { id, name: `haskell-build-${id}` } as Candidate['vm'],
    ghcVersions: ['9.6.6'],
    state:
      typeof state === 'string' ? { problem: { reason: state, remedy: 'a remedy' } } : { probe: { ...idle, ...state } },
    recentFailures: 0,
    ...more,
  };
}

test.each<[string, Candidate[], string]>([
  ['the first of equal ones', [candidate('a', {}), candidate('b', {})], 'a'],
  ['the less loaded one', [candidate('a', { load: 2 }), candidate('b', { load: 1 })], 'b'],
  ['load by processor', [candidate('a', { load: 2, cpus: 2 }), candidate('b', { load: 3, cpus: 8 })], 'b'],
  ['the one with the project', [candidate('a', {}), candidate('b', { load: 7.9, workspaceUsed: 1 })], 'b'],
  [
    'another one when that with the project is busy',
    [candidate('a', {}), candidate('b', { load: 8.1, workspaceUsed: 1 })],
    'a',
  ],
  ['one without builds', [candidate('a', { building: ['x', 'y'] }), candidate('b', {})], 'b'],
  ['one with memory', [candidate('a', { memoryFreeMib: 100 }), candidate('b', { load: 1 })], 'b'],
  ['one that was not lost lately', [candidate('a', {}, { recentFailures: 2 }), candidate('b', { load: 1 })], 'b'],
  ['one that answers', [candidate('a', 'no answer'), candidate('b', { load: 9 })], 'b'],
  ['one that is not drained', [candidate('a', { draining: true }), candidate('b', { load: 9 })], 'b'],
])('%s is chosen', (_, candidates, expected) => {
  expect(choose(candidates, undefined).chosen?.vm.id).toBe(expected);
});

test('says why, and why not the others', () => {
  const { chosen, passedOver } = choose(
    [
      candidate('a', { load: 1.234, building: ['x'] }),
      candidate('b', { workspaceUsed: 1 }),
      candidate('c', 'Connection refused'),
      candidate('d', { memoryFreeMib: 100, cpus: 1 }, { recentFailures: 1 }),
    ],
    undefined,
  );
  expect(chosen?.reason).toBe('load 0.00 on 4 CPUs, has this project');
  expect(passedOver.map(({ vm, reason }) => `${vm.id}: ${reason}`)).toEqual([
    'c: Connection refused',
    'a: load 1.23 on 4 CPUs, 1 building',
    'd: load 0.00 on 1 CPU, only 100 MiB of memory free, lost 1 time lately',
  ]);
});

test.each([
  ['9.6.6', 'a', '9.6.6'],
  ['9.8', 'b', '9.8.4'],
  ['9', 'a', '9.6.6'],
])('GHC %s is on %s as %s', (wanted, expected, version) => {
  const { chosen } = choose([candidate('a', {}), candidate('b', {}, { ghcVersions: ['9.6.6', '9.8.4'] })], wanted);
  expect(chosen).toMatchObject({ vm: { id: expected }, ghcVersion: version });
});

test('a GHC that none has is told with the way to get it, and 9.1 is not the begin of 9.10', () => {
  const { chosen, passedOver } = choose([candidate('a', {}, { ghcVersions: ['9.10.1'] })], '9.1');
  expect(chosen).toBeUndefined();
  const remedy =
    'give the image a toolchain from GHCup in main.ts, because its distribution has no other version, or take what is ' +
    'there: --ghc 9.10.1';
  expect(passedOver).toMatchObject([{ reason: 'has GHC 9.10.1, and not 9.1', remedy }]);
});

test.each([
  [
    '9.8.4',
    'have GHCup install it, if it has it: `buildfleet add-ghc --vm a 9.8.4`, or take what is there: --ghc 9.6.6',
  ],
  ['9.99', 'have GHCup install one of its versions, named in full: `buildfleet add-ghc --vm a VERSION`, or'],
])('where GHCup is, it is asked for %s', (wanted, remedy) => {
  const [{ remedy: told } = { remedy: '' }] = choose([candidate('a', { hasGhcup: true })], wanted).passedOver;
  expect(told).toContain(remedy);
});

describe('a VM that has the project', () => {
  const here: Probe = { ...idle, workspaceUsed: 1 };

  test.each<[string, Probe, number, boolean]>([
    ['is taken at once when it is idle', here, 0, true],
    ['is taken at once when it could only be equalled', { ...here, load: 7.9 }, 0, true],
    ['is compared with others when it is busy', { ...here, load: 8 }, 0, false],
    ['is compared with others when it builds much', { ...here, building: Array<string>(8).fill('x') }, 0, false],
    ['is compared with others when it was lost often', here, 4, false],
    ['is compared with others when it is drained', { ...here, draining: true }, 0, false],
    ['is compared with others when it has lost it', idle, 0, false],
  ])('%s', (_, probe, recentFailures, expected) => {
    expect(isBeyondComparison({ recentFailures }, probe)).toBe(expected);
  });

  test.each([0, 3.9, 7.9])('at load %d, that is what the comparison comes to', (load) => {
    const candidates = [candidate('a', {}), candidate('b', { load, workspaceUsed: 1 })];
    expect(isBeyondComparison(candidates[1]!, { ...here, load })).toBe(true);
    expect(choose(candidates, undefined).chosen?.vm.id).toBe('b');
  });
});
