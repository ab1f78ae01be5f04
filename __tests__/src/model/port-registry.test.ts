import fc from 'fast-check';
import {
  type PortEntry,
  type PortRange,
  type PortRegistry,
  type PortRequest,
  allocatePorts,
  releasePort,
  reservedPort,
} from '../../../src/model/port-registry';

const RANGE: PortRange = { first: 12221, last: 12230 };
const reserved = (name: string): PortEntry => ({ vm_name: name, host_machine: 'local', status: 'reserved' });
const available = (name: string): PortEntry => ({ vm_name: name, host_machine: 'local', status: 'available' });
const ask = (...names: string[]): PortRequest[] => names.map((vmName) => ({ vmName, host: 'local' }));

const names = fc.uniqueArray(
  fc.integer({ min: 0, max: 30 }).map((number) => `vm${number}`),
  { maxLength: 10 },
);

describe('allocatePorts', () => {
  test('gives the lowest ports to the first VMs, in their order', () => {
    const { ports, registry } = allocatePorts(new Map(), ask('alpha', 'beta'), RANGE);
    expect([...ports]).toEqual([
      ['alpha', 12221],
      ['beta', 12222],
    ]);
    expect([...registry]).toEqual([
      [12221, reserved('alpha')],
      [12222, reserved('beta')],
    ]);
  });

  test('a registry that already says so stays as it is', () => {
    fc.assert(
      fc.property(names, (vms) => {
        const { registry } = allocatePorts(new Map(), ask(...vms), RANGE);
        const again = allocatePorts(registry, ask(...vms), RANGE);
        expect(again.registry).toEqual(registry);
        expect(again.problems).toEqual([]);
      }),
    );
  });

  test('the order of the declarations moves no VM that has a port', () => {
    fc.assert(
      fc.property(names, (vms) => {
        const before = allocatePorts(new Map(), ask(...vms), RANGE);
        const after = allocatePorts(before.registry, ask(...[...vms].reverse()), RANGE);
        expect(new Map([...after.ports].sort())).toEqual(new Map([...before.ports].sort()));
      }),
    );
  });

  test('adding and removing VMs never moves another one, and one that comes back has its old port', () => {
    fc.assert(
      fc.property(fc.array(names, { minLength: 1, maxLength: 8 }), (histories) => {
        let registry: PortRegistry = new Map();
        const first = new Map<string, number>();
        for (const fleet of histories) {
          const result = allocatePorts(registry, ask(...fleet), RANGE);
          registry = result.registry;
          for (const [vm, port] of result.ports) {
            expect(port).toBe(first.get(vm) ?? port);
            first.set(vm, port);
          }
          expect(new Set(result.ports.values()).size).toBe(result.ports.size);
          expect(result.ports.size + result.problems.length).toBe(fleet.length);
        }
        expect(new Set(first.values()).size).toBe(first.size);
      }),
    );
  });

  test('a port that was never reserved is taken before a released one', () => {
    const registry = new Map([[12221, available('gone')]]);
    expect(allocatePorts(registry, ask('alpha'), RANGE).ports.get('alpha')).toBe(12222);
    const narrow = { first: 12221, last: 12221 };
    expect(allocatePorts(registry, ask('alpha'), narrow).ports.get('alpha')).toBe(12221);
  });

  test('an exhausted range names what a release would free, and only that', () => {
    const range = { first: 12221, last: 12222 };
    const registry = new Map([
      [12221, reserved('alpha')],
      [12222, reserved('gone')],
    ]);
    const { problems, ports } = allocatePorts(registry, ask('alpha', 'beta'), range);
    expect(ports.has('beta')).toBe(false);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ code: 'ports-exhausted', vmName: 'beta' });
    expect(problems[0]!.remedy).toContain('buildfleet ports release 12222');
    expect(problems[0]!.remedy).not.toContain('12221`');
  });

  test('a pinned port is given, and the port that the VM had is released', () => {
    const registry = new Map([[12221, reserved('alpha')]]);
    const result = allocatePorts(registry, [{ vmName: 'alpha', host: 'local', pinned: 12225 }], RANGE);
    expect(result.ports.get('alpha')).toBe(12225);
    expect(result.registry.get(12221)).toEqual(available('alpha'));
    expect(reservedPort(result.registry, 'alpha')).toBe(12225);
  });

  test('a VM declared earlier without a pin leaves the pinned port alone', () => {
    const result = allocatePorts(new Map(), [...ask('alpha'), { vmName: 'beta', host: 'local', pinned: 12221 }], RANGE);
    expect(Object.fromEntries(result.ports)).toEqual({ alpha: 12222, beta: 12221 });
  });

  test.each([
    ['outside the range', new Map(), [{ vmName: 'a', host: 'h', pinned: 13000 }], 'port-outside-range'],
    [
      'pinned twice',
      new Map(),
      [
        { vmName: 'a', host: 'h', pinned: 12225 },
        { vmName: 'b', host: 'h', pinned: 12225 },
      ],
      'duplicate-port',
    ],
    [
      'of another VM',
      new Map([[12225, reserved('b')]]),
      [{ vmName: 'a', host: 'h', pinned: 12225 }, ...ask('b')],
      'duplicate-port',
    ],
    [
      'of a removed VM',
      new Map([[12225, reserved('b')]]),
      [{ vmName: 'a', host: 'h', pinned: 12225 }],
      'port-reserved',
    ],
    ['left behind by a narrower range', new Map([[12300, reserved('a')]]), ask('a'), 'port-outside-range'],
  ] as const)('refuses a port %s', (_, registry: PortRegistry, requests, code) => {
    const { problems } = allocatePorts(registry, requests, RANGE);
    expect(problems.map((problem) => problem.code)).toEqual([code]);
  });

  test('two VMs can swap their pinned ports', () => {
    const registry = new Map([
      [12221, reserved('a')],
      [12222, reserved('b')],
    ]);
    const swapped = allocatePorts(
      registry,
      [
        { vmName: 'a', host: 'local', pinned: 12222 },
        { vmName: 'b', host: 'local', pinned: 12221 },
      ],
      RANGE,
    );
    expect(swapped.problems).toEqual([]);
    expect([...swapped.registry]).toEqual([
      [12221, reserved('b')],
      [12222, reserved('a')],
    ]);
  });
});

describe('releasePort', () => {
  test('frees a reserved port for another VM and keeps the name of its last VM', () => {
    const registry = releasePort(new Map([[12221, reserved('gone')]]), 12221)!;
    expect(registry.get(12221)).toEqual(available('gone'));
    expect(allocatePorts(registry, ask('alpha'), { first: 12221, last: 12221 }).ports.get('alpha')).toBe(12221);
  });

  test.each([new Map(), new Map([[12221, available('gone')]])])('says that there is nothing to release', (registry) => {
    expect(releasePort(registry, 12221)).toBeUndefined();
  });
});
