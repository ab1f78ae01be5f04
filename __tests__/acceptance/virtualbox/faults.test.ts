import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { FleetPaths } from '../../../src/model/paths';
import type { VmSpec } from '../../../src/drivers/driver';
import { describeInVirtualBoxHome, type VirtualBoxHome } from '../../support/virtualbox-home';

const SIGNAL = new AbortController().signal;

describeInVirtualBoxHome('the VirtualBox driver, faults', 8, (home) => {
  describe('an appliance that cannot be imported leaves nothing', () => {
    test.each([
      [
        'truncated',
        (path: string) => {
          truncateSync(path, 4 * 1024 * 1024);
        },
      ],
      [
        'overwritten in the middle',
        (path: string) => {
          overwrite(path, 4 * 1024 * 1024, Buffer.alloc(65536, 1));
        },
      ],
      [
        'edited',
        (path: string) => {
          overwrite(path, readFileSync(path).indexOf('Debian_64'), Buffer.from('Ubuntu_64'));
        },
      ],
      [
        'no appliance',
        (path: string) => {
          writeFileSync(path, Buffer.alloc(100_000, 'x'));
        },
      ],
      [
        'empty',
        (path: string) => {
          truncateSync(path, 0);
        },
      ],
    ])(
      '%s',
      async (_name, damage) => {
        const imagePath = join(home.root, 'damaged.ova');
        copyFileSync(home.appliance, imagePath);
        damage(imagePath);
        const vm = home.spec({ imagePath });
        await expect(home.driver().create(vm, SIGNAL)).rejects.toMatchObject({ code: 'image-damaged' });
        await expectNothing(vm.name);
        await home.driver().create({ ...vm, imagePath: home.appliance }, SIGNAL);
        await home.driver().destroy(vm, SIGNAL);
        await expectNothing(vm.name);
      },
      120_000,
    );
  });

  test('a missing appliance and a missing program are told before anything is made', async () => {
    const vm = home.spec({ imagePath: join(home.root, 'missing.ova') });
    await expect(home.driver().create(vm, SIGNAL)).rejects.toMatchObject({ code: 'image-missing' });
    const missing = home.driver({ program: 'VBoxManage-that-is-not-installed' });
    await expect(missing.create(home.spec(), SIGNAL)).rejects.toMatchObject({ code: 'virtualbox-missing' });
    await expect(missing.inspect(vm.name)).rejects.toMatchObject({ code: 'virtualbox-missing' });
    expect(existsSync(home.paths.vm(vm.name))).toBe(false);
  }, 120_000);

  const asRoot = process.getuid?.() === 0 ? test : test.skip;
  asRoot(
    'a disk that is full during the import (needs root to mount a small one)',
    async () => {
      const small = join(home.root, 'small');
      mkdirSync(small);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', small]);
      // The mounts that VBoxSVC sees are those of its start.
      home.endService();
      try {
        const paths = new FleetPaths(join(small, 'state'));
        const vm = home.spec();
        await expect(home.driver({ paths }).create(vm, SIGNAL)).rejects.toMatchObject({ code: 'disk-full' });
        expect(existsSync(paths.vm(vm.name))).toBe(false);
        expect(await home.manage('list', 'hdds')).not.toContain(small);
      } finally {
        home.endService();
        execFileSync('umount', [small]);
      }
    },
    120_000,
  );

  test('a VM of the same name that is not ours is named in the error and left alone', async () => {
    const vm = home.spec();
    const uuid = await home.makeForeign(vm.name);
    const file = join(home.root, 'foreign', vm.name, `${vm.name}.vbox`);
    const before = readFileSync(file, 'utf8');
    const driver = home.driver();
    expect(await driver.inspect(vm.name)).toMatchObject({ fleet: null, uuid });
    for (const attempt of everyChange(driver, vm)) {
      await expect(attempt()).rejects.toMatchObject({ code: 'vm-not-ours', message: expect.stringContaining(uuid) });
    }
    expect(readFileSync(file, 'utf8')).toBe(before);
    await home.manage('unregistervm', uuid, '--delete');
  }, 120_000);

  test('a VM of another fleet is refused, and so is a clone, which carries the tag of its original', async () => {
    const vm = home.spec();
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    const ours = await driver.inspect(vm.name);
    for (const other of [
      { ...vm, fleet: 'theirs' },
      { ...vm, uuid: '5bd7a3f0-0000-5000-8000-00000000ffff' },
    ]) {
      for (const attempt of everyChange(driver, other)) {
        await expect(attempt()).rejects.toMatchObject({ code: 'vm-not-ours' });
      }
    }
    expect(await driver.inspect(vm.name)).toEqual(ours);

    const uuid = await machineOf(vm.name);
    const clones = ['--basefolder', join(home.root, 'clones'), '--register'];
    await home.manage('clonevm', uuid, '--name', 'clone', ...clones);
    expect(await home.manage('getextradata', 'clone', 'buildfleet/owner')).toContain(uuid);
    expect(await home.driver().inspect('clone')).toMatchObject({ fleet: null });
    await driver.destroy(vm, SIGNAL);
    await expect(driver.destroy({ ...vm, name: 'clone' }, SIGNAL)).rejects.toMatchObject({ code: 'vm-not-ours' });
    expect(await home.manage('list', 'vms')).toContain('"clone"');
    await home.manage('unregistervm', 'clone', '--delete');
  }, 120_000);

  test('a VM that was renamed is still ours, and gets its name back with the next change', async () => {
    const vm = home.spec();
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    const uuid = await machineOf(vm.name);
    await home.manage('modifyvm', uuid, '--name', 'renamed "by hand" {x}');
    expect(await driver.inspect(vm.name)).toMatchObject({ fleet: 'laptops', uuid: vm.uuid, imageHash: 'hash' });
    await driver.update(vm, SIGNAL);
    expect(await home.manage('list', 'vms')).toContain(`"${vm.name}" {${uuid}}`);
    await driver.destroy(vm, SIGNAL);
    await expectNothing(vm.name);
  }, 120_000);

  test('a VM that was moved is still ours, and goes with its files', async () => {
    const vm = home.spec();
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    const moved = join(home.root, 'moved');
    mkdirSync(moved);
    await home.manage('movevm', await machineOf(vm.name), '--folder', moved);
    expect(await driver.inspect(vm.name)).toMatchObject({ fleet: 'laptops', uuid: vm.uuid, imageHash: 'hash' });
    await driver.update({ ...vm, cpus: 2 }, SIGNAL);
    expect(await home.driver().inspect(vm.name)).toMatchObject({ cpus: 2 });
    await driver.destroy(vm, SIGNAL);
    await expectNothing(vm.name);
    expect(readdirSync(moved)).toEqual([]);
  }, 120_000);

  test('a VM whose disk was detached cannot start, and is made again', async () => {
    const vm = home.spec();
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    const place = ['--storagectl', 'SATA Controller', '--port', '0', '--device', '0', '--medium', 'none'];
    const uuid = await machineOf(vm.name);
    await home.manage('storageattach', uuid, ...place);
    expect(await home.driver().inspect(vm.name)).toMatchObject({ fleet: 'laptops', imageHash: null });
    await expect(driver.start(vm, SIGNAL)).rejects.toMatchObject({ code: 'vm-without-disk' });
    await driver.create(vm, SIGNAL);
    expect(await driver.inspect(vm.name)).toMatchObject({ imageHash: 'hash' });
    expect(await machineOf(vm.name)).not.toBe(uuid);
    await driver.destroy(vm, SIGNAL);
    await expectNothing(vm.name);
  }, 120_000);

  test.each(['lives on', 'has ended'])(
    'a settings file that was deleted while VBoxSVC %s',
    async (service) => {
      const vm = home.spec();
      const driver = home.driver();
      await driver.create(vm, SIGNAL);
      rmSync(join(home.paths.vm(vm.name), 'virtualbox', vm.name, `${vm.name}.vbox`));
      if (service === 'has ended') home.endService();
      expect(await home.driver().inspect(vm.name)).toMatchObject({ fleet: 'laptops', uuid: vm.uuid, imageHash: null });
      await driver.create(vm, SIGNAL);
      expect(await driver.inspect(vm.name)).toMatchObject({ imageHash: 'hash', power: 'stopped' });
      rmSync(join(home.paths.vm(vm.name), 'virtualbox', vm.name, `${vm.name}.vbox`));
      if (service === 'has ended') home.endService();
      await driver.destroy(vm, SIGNAL);
      await expectNothing(vm.name);
    },
    120_000,
  );

  test('a VM that was deleted by hand is gone, and is made again', async () => {
    const vm = home.spec();
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    await home.manage('unregistervm', await machineOf(vm.name), '--delete');
    expect(await home.driver().inspect(vm.name)).toBeNull();
    await driver.create(vm, SIGNAL);
    await home.manage('unregistervm', await machineOf(vm.name));
    expect(await home.driver().inspect(vm.name)).toBeNull();
    await driver.create(vm, SIGNAL);
    expect(await driver.inspect(vm.name)).toMatchObject({ imageHash: 'hash' });
    await driver.destroy(vm, SIGNAL);
    await expectNothing(vm.name);
  }, 120_000);

  test('destroy deletes media that VirtualBox lost track of, and detaches a disk from elsewhere', async () => {
    const vm = home.spec();
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    const stray = join(home.paths.vm(vm.name), 'virtualbox', 'stray.vmdk');
    await home.manage('createmedium', 'disk', '--filename', stray, '--size', '8', '--format', 'VMDK');
    const theirs = join(home.root, 'theirs.vmdk');
    await home.manage('createmedium', 'disk', '--filename', theirs, '--size', '8', '--format', 'VMDK');
    const place = ['--storagectl', 'SATA Controller', '--port', '1', '--device', '0', '--type', 'hdd'];
    await home.manage('storageattach', await machineOf(vm.name), ...place, '--medium', theirs);
    await driver.destroy(vm, SIGNAL);
    await expectNothing(vm.name);
    expect(existsSync(theirs)).toBe(true);
  }, 120_000);

  test('a description that looks like settings or like another VM changes nothing', async () => {
    const [vm, other] = [home.spec(), home.spec()];
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    await driver.create(other, SIGNAL);
    const uuid = await machineOf(other.name);
    const before = await home.driver().inspect(other.name);
    const forged = `x"\nmemory=1\nUUID="${uuid}"\nVMState="running"\n\n\nName:            ${other.name}\nUUID:            ${uuid}\nConfig file:     /nowhere\nState:           running (since 2026-01-01)\n</Description><Memory RAMSize="1"/>`;
    for (const name of [vm.name, other.name])
      await home.manage('modifyvm', await machineOf(name), '--description', forged);
    expect(await home.driver().inspect(vm.name)).toMatchObject({ memoryMib: 128, power: 'stopped' });
    expect(await home.driver().inspect(other.name)).toEqual(before);
    for (const each of [vm, other]) await driver.destroy(each, SIGNAL);
  }, 120_000);

  test('a saved state is dropped when the hardware changes', async () => {
    const vm = home.spec();
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    const state = join(home.root, 'saved.sav');
    writeFileSync(state, 'not a state, but it is there');
    await home.manage('adoptstate', await machineOf(vm.name), state);
    expect(await driver.inspect(vm.name)).toMatchObject({ power: 'stopped', detail: 'virtualbox state saved' });
    await driver.update({ ...vm, cpus: 2 }, SIGNAL);
    expect(await driver.inspect(vm.name)).toMatchObject({ cpus: 2, detail: 'virtualbox state poweroff' });
    await home.manage('adoptstate', await machineOf(vm.name), state).catch(() => undefined);
    await driver.destroy(vm, SIGNAL);
    await expectNothing(vm.name);
  }, 120_000);

  async function machineOf(name: string): Promise<string> {
    const list = await home.manage('list', 'vms');
    return new RegExp(`^"${name}" \\{(.*)\\}$`, 'm').exec(list)?.[1] ?? '';
  }

  async function expectNothing(name: string): Promise<void> {
    expect(existsSync(home.paths.vm(name))).toBe(false);
    expect(await machineOf(name)).toBe('');
    expect(await home.manage('list', 'hdds')).not.toContain(home.paths.vm(name));
    expect(await home.driver().inspect(name)).toBeNull();
  }

  function everyChange(driver: ReturnType<VirtualBoxHome['driver']>, vm: VmSpec): (() => Promise<unknown>)[] {
    return [
      () => driver.create(vm, SIGNAL),
      () => driver.update(vm, SIGNAL),
      () => driver.attachSeed(vm, '/nowhere', SIGNAL),
      () => driver.removeSeed(vm, SIGNAL),
      () => driver.start(vm, SIGNAL),
      () => driver.confirmBoot(vm),
      () => driver.stop(vm, 0, SIGNAL),
      () => driver.destroy(vm, SIGNAL),
    ];
  }
});

function overwrite(path: string, offset: number, bytes: Buffer): void {
  const content = readFileSync(path);
  bytes.copy(content, offset);
  writeFileSync(path, content);
}
