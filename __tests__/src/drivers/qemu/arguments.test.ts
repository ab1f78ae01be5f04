import fc from 'fast-check';
import { qemuArguments, type QemuMachine, readQemuArguments } from '../../../../src/drivers/qemu/arguments';
import { inIsolatedNetwork } from '../../../../src/drivers/qemu/user-network';
import { NAME_PATTERN } from '../../../../src/model/names';

const MACHINE: QemuMachine = {
  ...{ name: 'haskell-build-alpha', uuid: '5bd7a3f0-0000-5000-8000-000000000001', fleet: 'fleet' },
  ...{ diskPath: '/state/vms/haskell-build-alpha/disk.qcow2', seedPath: undefined, cpus: 2, memoryMib: 2048 },
  ...{ mac: '52:54:00:00:00:01', accelerator: 'tcg', userNetwork: 'open' },
};

const machines = fc.record<QemuMachine>({
  name: fc.stringMatching(NAME_PATTERN),
  uuid: fc.uuid(),
  fleet: fc.stringMatching(NAME_PATTERN),
  diskPath: fc.string().map((text) => `/${text}/disk.qcow2`),
  seedPath: fc.option(
    fc.string().map((text) => `/${text}/seed.iso`),
    { nil: undefined },
  ),
  cpus: fc.integer({ min: 1, max: 256 }),
  memoryMib: fc.integer({ min: 16, max: 1_000_000 }),
  mac: fc.stringMatching(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/),
  accelerator: fc.constantFrom('kvm', 'tcg'),
  userNetwork: fc.constantFrom('isolated', 'open'),
  startHalted: fc.boolean(),
});

test('every machine can be read back from the argv, paths with any character included', () => {
  fc.assert(
    fc.property(machines, (machine) => {
      const { accelerator, startHalted, ...seen } = machine;
      const argv = qemuArguments(machine);
      expect(readQemuArguments(['/usr/bin/qemu-system-x86_64', ...argv])).toEqual(seen);
      // Not read back, as no process is told apart by them.
      expect([argv[argv.indexOf('-accel') + 1], argv.includes('-S')]).toEqual([accelerator, startHalted]);
    }),
  );
});

test('a process is QEMU only when it has become it, not while its namespace is made', () => {
  fc.assert(
    fc.property(machines, fc.boolean(), (machine, isRoot) => {
      const command = ['qemu-system-x86_64', ...qemuArguments(machine)];
      const network = { own: ['192.0.2.2'], interface: 'eth0', hasOwnResolver: true, relayPort: 12220, isRoot };
      const argv = inIsolatedNetwork({ ...network, resolvConf: '/state/resolv.conf' }, command);
      expect(readQemuArguments(argv)).toBeUndefined();
      expect(readQemuArguments(argv.slice(argv.indexOf('pasta')))).toBeUndefined();
      expect(readQemuArguments(argv.slice(argv.indexOf('sh')))).toBeUndefined();
      expect(argv.slice(-command.length)).toEqual(command);
    }),
  );
});

test('an open VM has the argv of a version that knew no namespaces, but for the pid file', () => {
  expect(qemuArguments({ ...MACHINE, userNetwork: 'open' })).not.toContainEqual(
    expect.stringContaining('user-network'),
  );
  expect(readQemuArguments(['qemu', ...qemuArguments(MACHINE), '-pidfile', 'qemu.pid'])?.userNetwork).toBe('open');
});

test('no value can become an option or a further property of one', () => {
  fc.assert(
    fc.property(machines, (machine) => {
      const options = (argv: string[]) => argv.filter((argument) => argument.startsWith('-'));
      const sameKind = { ...machine, seedPath: machine.seedPath === undefined ? undefined : '/seed.iso' };
      expect(options(qemuArguments(machine))).toEqual(options(qemuArguments({ ...sameKind, diskPath: '/disk.qcow2' })));
    }),
  );
});

test('a process that was started otherwise is not taken for ours', () => {
  const ours = qemuArguments(MACHINE);
  const foreign = [
    [],
    ['sleep', '1000'],
    ['qemu-system-x86_64', '-name', 'guest=haskell-build-alpha', '-uuid', MACHINE.uuid, '-m', 'size=2048M'],
    ours.filter((argument) => !argument.includes('opt/buildfleet/fleet')),
    ours.filter((argument) => !argument.includes('disk.qcow2')),
    ours.map((argument) => argument.replace('guest=', '')),
    ours.map((argument) => (argument.startsWith('{') ? argument.slice(0, -1) : argument)),
  ];
  for (const argv of foreign) expect(readQemuArguments(argv)).toBeUndefined();
});

test('under TCG the CPU has no cmpxchg16b, under KVM it is the host', () => {
  const cpu = (machine: QemuMachine) => qemuArguments(machine)[qemuArguments(machine).indexOf('-cpu') + 1];
  expect(cpu(MACHINE)).toBe('qemu64,-cx16');
  expect(cpu({ ...MACHINE, accelerator: 'kvm' })).toBe('host');
});

test('the whole argv of a VM with a seed', () => {
  const seedPath = '/state/vms/haskell-build-alpha/seed.iso';
  expect(qemuArguments({ ...MACHINE, seedPath })).toMatchSnapshot();
});
