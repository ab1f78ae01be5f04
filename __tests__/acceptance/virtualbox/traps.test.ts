import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VBoxManage } from '../../../src/drivers/virtualbox/client';
import { PowerSwitch } from '../../../src/drivers/virtualbox/power-switch';
import { until } from '../../support/until';
import { describeInVirtualBoxHome, VBOXMANAGE } from '../../support/virtualbox-home';

const SIGNAL = new AbortController().signal;

describeInVirtualBoxHome("VirtualBox's own traps", 8, (home) => {
  async function machinesCalled(name: string): Promise<string[]> {
    const list = await home.manage('list', 'vms');
    return [...list.matchAll(new RegExp(`^"${name}" \\{(.*)\\}$`, 'gm'))].map(([, uuid = '']) => uuid);
  }

  test('commands that get in the way of each other are tried again: of twelve at once VirtualBox takes some', async () => {
    const vm = home.spec();
    await home.driver().create(vm, SIGNAL);
    home.calls.length = 0;
    // each as another process would: nothing of ours puts them in a row
    await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        home.driver().update({ ...vm, memoryMib: 200 + n }, new AbortController().signal),
      ),
    );
    const { memoryMib = 0 } = (await home.driver().inspect(vm.name)) ?? {};
    expect(memoryMib - 200).toBeLessThan(12);
    await home.driver().destroy(vm, SIGNAL);
  }, 240_000);

  test('two VMs may have one name: ours is the one that was written down', async () => {
    const vm = home.spec();
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    const theirs = await home.makeForeign(vm.name);
    expect(await machinesCalled(vm.name)).toHaveLength(2);
    expect(await driver.inspect(vm.name)).toMatchObject({ uuid: vm.uuid, fleet: 'laptops', cpus: 1 });
    await driver.attachSeed(vm, home.seed(vm.name), SIGNAL);
    expect(await driver.inspect(vm.name)).toMatchObject({ seedAttached: true });
    await driver.destroy(vm, SIGNAL);
    expect(await machinesCalled(vm.name)).toEqual([theirs]);
    await home.manage('unregistervm', theirs, '--delete');
  }, 240_000);

  test('a VM that is off already is not running, for which VirtualBox has no code', async () => {
    const vm = home.spec();
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    const [uuid = ''] = await machinesCalled(vm.name);
    const client = new VBoxManage({ run: home.run, program: VBOXMANAGE });
    const seen = { uuid, name: vm.name, configFile: '', state: 'running', settings: null };
    await expect(client.run(['controlvm', uuid, 'poweroff'])).rejects.toThrow(/is not currently running/);
    await new PowerSwitch(client).end(seen, 10, SIGNAL);
    await driver.destroy(vm, SIGNAL);
  }, 240_000);

  test('settings that VirtualBox does not take are told as such, and change nothing', async () => {
    const vm = home.spec();
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    const before = await driver.inspect(vm.name);
    for (const wrong of [{ cpus: 100_000 }, { memoryMib: 1 }]) {
      await expect(driver.update({ ...vm, ...wrong }, SIGNAL)).rejects.toMatchObject({ code: 'vm-setting-refused' });
    }
    expect(await home.driver().inspect(vm.name)).toEqual(before);
    await driver.destroy(vm, SIGNAL);
  }, 240_000);

  test('files of an import that failed do not stand in the way of the next', async () => {
    const vm = home.spec();
    const folder = join(home.paths.vm(vm.name), 'virtualbox', vm.name);
    mkdirSync(folder, { recursive: true });
    for (const name of ['disk.vmdk', 'source-disk001.vmdk', `${vm.name}.vbox`])
      writeFileSync(join(folder, name), 'left');
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    expect(await driver.inspect(vm.name)).toMatchObject({ ...home.shown(vm), power: 'stopped' });
    await driver.destroy(vm, SIGNAL);
    expect(existsSync(home.paths.vm(vm.name))).toBe(false);
  }, 240_000);

  test('the owner tag does not survive an export: a machine imported from it has no owner', async () => {
    const vm = home.spec();
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    const [uuid = ''] = await machinesCalled(vm.name);
    const file = join(home.root, 'exported.ova');
    await home.manage('export', uuid, '-o', file);
    await home.manage('import', file, '--vsys', '0', '--vmname', 'copy', '--basefolder', join(home.root, 'copies'));
    expect(await driver.inspect('copy')).toMatchObject({ fleet: null });
    await expect(driver.destroy({ ...vm, name: 'copy' }, SIGNAL)).rejects.toMatchObject({ code: 'vm-not-ours' });
    await driver.destroy(vm, SIGNAL);
    await home.manage('unregistervm', 'copy', '--delete');
  }, 240_000);

  test('a VM is deleted although its disk is in use, and the disk with it once it is free', async () => {
    const vm = home.spec();
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    const [uuid = ''] = await machinesCalled(vm.name);
    const disk = /ImageUUID-0-0"="([0-9a-f-]{36})"/.exec(await home.manage('showvminfo', uuid, '--machinereadable'));
    // A copy of the disk is being made, which takes VBoxSVC a while.
    const copy = join(home.root, 'copy.vdi');
    const copying = spawn(VBOXMANAGE, ['clonemedium', 'disk', disk?.[1] ?? '', copy], {
      env: { ...process.env, ...home.environment },
      stdio: 'ignore',
    });
    const ended = once(copying, 'exit');
    await until('the copy begins', 60, () => existsSync(copy));
    await driver.destroy(vm, SIGNAL);
    await ended;
    expect(existsSync(home.paths.vm(vm.name))).toBe(false);
    expect(await machinesCalled(vm.name)).toEqual([]);
    expect(await home.manage('list', 'hdds')).not.toContain(home.paths.vm(vm.name));
  }, 240_000);
});
