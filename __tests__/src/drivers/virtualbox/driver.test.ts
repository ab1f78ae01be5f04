import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FleetPaths } from '../../../../src/model/paths';
import type { VmSpec } from '../../../../src/drivers/driver';
import type { Run } from '../../../../src/process/run';
import { VirtualBoxDriver } from '../../../../src/drivers/virtualbox/driver';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { FakeVirtualBox } from './fake-virtualbox';

const SIGNAL = new AbortController().signal;
const MACHINE = '89c0cbda-f8c1-4e0a-a0f9-ed845a269e83';

// Printed by VirtualBox 7.2.22_Debianr175245.
const LOCKED = `VBoxManage: error: The machine 'vm' is already locked for a session (or being unlocked)
VBoxManage: error: Details: code VBOX_E_INVALID_OBJECT_STATE (0x80bb0007), component MachineWrap, interface IMachine, callee nsISupports
VBoxManage: error: Context: "LockMachine(a->session, LockType_Write)" at line 901 of file VBoxManageModifyVM.cpp
`;
const NOT_RUNNING = "VBoxManage: error: Machine 'vm' is not currently running.\n";

let root: string;
let virtualBox: FakeVirtualBox;
let paths: FleetPaths;
let spec: VmSpec;

beforeEach(() => {
  root = temporaryDirectory();
  paths = new FleetPaths(join(root, 'state'));
  virtualBox = new FakeVirtualBox(MACHINE);
  const imagePath = join(root, 'disk.ova');
  writeFileSync(imagePath, 'appliance');
  spec = {
    ...{ name: 'vm', uuid: '5bd7a3f0-0000-5000-8000-000000000001', fleet: 'laptops', imagePath, imageHash: 'hash' },
    ...{ cpus: 1, memoryMib: 128, mac: '52:54:00:00:00:01', network: 'nat', bridgeAdapter: null },
    ...{ userNetwork: 'isolated', relayPort: 12220, isWarm: false },
  };
});

function driver(lockPatience = 0): VirtualBoxDriver {
  return new VirtualBoxDriver({ paths, run: virtualBox.run, lockPatience });
}

async function created(): Promise<VirtualBoxDriver> {
  const made = driver();
  await made.create(spec, SIGNAL);
  virtualBox.changes.length = 0;
  return made;
}

describe('power', () => {
  test.each([
    ['poweroff', 'stopped'],
    ['aborted', 'stopped'],
    ['saved', 'stopped'],
    ['running', 'running'],
    ['paused', 'paused'],
    ['gurumeditation', 'crashed'],
    ['stopping', 'running'],
    ['a state of VirtualBox 9', 'running'],
  ])('VirtualBox says %s, callers see %s', async (state, power) => {
    const vms = await created();
    virtualBox.state = state;
    expect(await vms.inspect('vm')).toMatchObject({ power, detail: `virtualbox state ${state}` });
  });

  test('start: a paused VM is resumed, a running one left alone, a crashed one switched off first', async () => {
    const vms = await created();
    const does = async (state: string, ...states: string[]) => {
      virtualBox.changes.length = 0;
      virtualBox.state = state;
      virtualBox.states = states;
      await vms.start(spec, SIGNAL);
      return virtualBox.changes.map((args) => args.filter((word) => word !== MACHINE).join(' '));
    };
    expect(await does('running')).toEqual([]);
    expect(await does('paused')).toEqual(['controlvm resume']);
    expect(await does('gurumeditation', 'poweroff')).toEqual(['controlvm poweroff', 'startvm --type headless']);
    expect(await does('aborted')).toEqual(['startvm --type headless']);
    expect(await does('starting', 'starting', 'running')).toEqual([]);
  });

  test('stop asks the guest, and cuts the power only when the grace is over', async () => {
    const vms = await created();
    virtualBox.state = 'running';
    virtualBox.states = ['running', 'poweroff'];
    await vms.stop(spec, 10, SIGNAL);
    expect(virtualBox.changes).toEqual([['controlvm', MACHINE, 'acpipowerbutton']]);

    virtualBox.changes.length = 0;
    virtualBox.state = 'running';
    virtualBox.states = ['running', 'running', 'poweroff'];
    await vms.stop(spec, 0.1, SIGNAL);
    expect(virtualBox.changes.map(([, , command]) => command)).toEqual(['acpipowerbutton', 'poweroff']);

    virtualBox.changes.length = 0;
    await vms.stop(spec, 10, SIGNAL);
    expect(virtualBox.changes).toEqual([]);
  });

  test('a VM that goes off while it is told to is off; VirtualBox has no code for that', async () => {
    const vms = await created();
    virtualBox.state = 'running';
    virtualBox.fail = ([command]) => {
      if (command !== 'controlvm') return undefined;
      virtualBox.state = 'poweroff';
      return NOT_RUNNING;
    };
    await vms.stop(spec, 10, SIGNAL);
  });

  test('hardware of a running VM is refused, a saved state is dropped', async () => {
    const vms = await created();
    virtualBox.state = 'running';
    await expect(vms.update(spec, SIGNAL)).rejects.toMatchObject({ code: 'vm-not-stopped' });
    virtualBox.state = 'saved';
    await vms.update(spec, SIGNAL);
    expect(virtualBox.changes.map(([command]) => command)).toEqual(['discardstate', 'modifyvm']);
  });
});

describe('locks', () => {
  test('a VM that another session holds for a moment is waited for', async () => {
    await created();
    let refusals = 2;
    virtualBox.fail = ([command]) => (command === 'modifyvm' && refusals-- > 0 ? LOCKED : undefined);
    await driver(10_000).update(spec, SIGNAL);
    expect(virtualBox.changes.map(([command]) => command)).toEqual(['modifyvm', 'modifyvm', 'modifyvm']);
  });

  test('one that stays held is an error that says what to do, without lines about source files', async () => {
    const vms = await created();
    virtualBox.fail = ([command]) => (command === 'modifyvm' ? LOCKED.replaceAll('\n', '\r\n') : undefined);
    const error = await vms.update(spec, SIGNAL).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'vm-locked', message: expect.stringContaining('already locked') });
    expect(error).toMatchObject({ message: expect.not.stringMatching(/Context|\r/) });
  });
});

test('an error is an error although the exit code is 0', async () => {
  await created();
  const vms = new VirtualBoxDriver({
    paths,
    run: async (file, args, options) => {
      const result = await virtualBox.run(file, args, options);
      return args[0] === 'modifyvm' ? { ...result, stderr: 'VBoxManage: error: Not enough parameters\n' } : result;
    },
  });
  await expect(vms.update(spec, SIGNAL)).rejects.toThrow(/Not enough parameters/);
});

test('a wrong digest is looked at twice, as VirtualBox sees one now and then that is none', async () => {
  const mismatch = 'VBoxManage: error: Digest mismatch (VERR_NOT_EQUAL)\n';
  let failures = 1;
  virtualBox.fail = ([command]) => (command === 'import' && failures-- > 0 ? mismatch : undefined);
  await driver().create(spec, SIGNAL);
  expect(virtualBox.changes.filter(([command]) => command === 'import')).toHaveLength(2);
});

test('VirtualBox 6 is refused before anything is made', async () => {
  virtualBox.version = '6.1.50r161033\n';
  await expect(driver().create(spec, SIGNAL)).rejects.toMatchObject({ code: 'virtualbox-too-old' });
  expect(virtualBox.changes).toEqual([]);
  expect(existsSync(paths.vm('vm'))).toBe(false);
});

test('what a VM is for is written down before the import, and whose machine it is after the tag', async () => {
  const seen: unknown[] = [];
  virtualBox.fail = ([command]) => {
    if (command === 'import' || command === 'setextradata') {
      seen.push((JSON.parse(readFileSync(join(paths.vm('vm'), 'vm.json'), 'utf8')) as { machine: unknown }).machine);
    }
    return undefined;
  };
  await driver().create(spec, SIGNAL);
  expect(seen).toEqual([null, null]);
  expect(JSON.parse(readFileSync(join(paths.vm('vm'), 'vm.json'), 'utf8'))).toMatchObject({ machine: MACHINE });
});

test('a driver that is killed before or after any of its commands is followed by one that finishes', async () => {
  const moments = ['import', 'setextradata', 'modifyvm', 'storagectl'].flatMap((command) =>
    (['before', 'after'] as const).map((when) => ({ command, when })),
  );
  const imports = await Promise.all(
    moments.map(async ({ command, when }) => {
      const place = join(root, `${command}-${when}`);
      const there = new FleetPaths(join(place, 'state'));
      const box = new FakeVirtualBox(MACHINE);
      await new Promise<void>((killed) => {
        const never = new Promise<never>(() => undefined);
        const run: Run = async (file, args, options) => {
          if (args[0] !== command) return box.run(file, args, options);
          if (when === 'after') await box.run(file, args, options);
          killed();
          return never;
        };
        // its lock is that of a process that is gone
        void new VirtualBoxDriver({ paths: there, run, cacheDirectory: join(place, 'gone') }).create(spec, SIGNAL);
      });
      const next = new VirtualBoxDriver({ paths: there, run: box.run });
      await next.create(spec, SIGNAL);
      const { name, uuid, fleet, imageHash, cpus, memoryMib, mac } = spec;
      expect(await next.inspect('vm')).toMatchObject({ name, uuid, fleet, imageHash, cpus, memoryMib, mac });
      return box.changes.filter(([changed]) => changed === 'import').length;
    }),
  );
  expect(imports).toEqual(moments.map(() => 1));
}, 120_000);

test('a refresh of many VMs at once is one call, and a change ends what was read before it', async () => {
  const vms = await created();
  virtualBox.calls.length = 0;
  await Promise.all(Array.from({ length: 10 }, () => vms.inspect('vm')));
  await Promise.all(Array.from({ length: 10 }, () => vms.inspect('vm')));
  expect(virtualBox.calls).toEqual([['list', '-l', 'vms']]);
  const [during] = await Promise.all([vms.inspect('vm'), vms.update({ ...spec, cpus: 3 }, SIGNAL)]);
  expect(during).toMatchObject({ cpus: 1 });
  expect(await vms.inspect('vm')).toMatchObject({ cpus: 3 });
});

test('a cancelled change is told as such', async () => {
  const vms = await created();
  const cancelled = AbortSignal.abort();
  virtualBox.state = 'starting';
  await expect(vms.update(spec, cancelled)).rejects.toMatchObject({ name: 'AbortError' });
});
