import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describeInVirtualBoxHome } from '../../support/virtualbox-home';

const SIGNAL = new AbortController().signal;

describeInVirtualBoxHome('the VirtualBox driver', 1, (home) => {
  test('a VM lives through create, update, seed, a start that the host refuses, and destroy', async () => {
    const vm = home.spec();
    const directory = home.paths.vm(vm.name);
    const driver = home.driver();
    expect(await driver.inspect(vm.name)).toBeNull();
    await driver.create(vm, SIGNAL);
    expect(await driver.inspect(vm.name)).toEqual({
      ...home.shown(vm),
      power: 'stopped',
      detail: 'virtualbox state poweroff',
      seedAttached: false,
    });
    const imports = () => home.calls.filter(([command]) => command === 'import').length;
    const before = imports();
    await driver.create(vm, SIGNAL);
    expect(imports()).toBe(before);

    const larger = { ...vm, cpus: 2, memoryMib: 256, mac: '52:54:00:aa:bb:cc' };
    await driver.update(larger, SIGNAL);
    expect(await driver.inspect(vm.name)).toMatchObject({ cpus: 2, memoryMib: 256, mac: '52:54:00:aa:bb:cc' });

    await driver.attachSeed(larger, home.seed(vm.name), SIGNAL);
    await driver.attachSeed(larger, home.seed(vm.name), SIGNAL);
    const seed = join(directory, 'seed.iso');
    expect(statSync(seed).mode & 0o777).toBe(0o600);
    expect(await home.manage('list', 'dvds')).toContain(seed);
    expect(await driver.inspect(vm.name)).toMatchObject({ seedAttached: true });

    await expect(driver.start(larger, SIGNAL)).rejects.toMatchObject({
      code: 'virtualbox-driver-missing',
      message: expect.stringMatching(/terminated unexpectedly during startup.*modprobe vboxdrv/s),
    });
    expect(await driver.inspect(vm.name)).toMatchObject({ power: 'stopped' });

    await driver.removeSeed(larger, SIGNAL);
    await driver.removeSeed(larger, SIGNAL);
    expect(existsSync(seed)).toBe(false);
    expect(await home.manage('list', 'dvds')).not.toContain('Location');
    expect(await driver.inspect(vm.name)).toMatchObject({ seedAttached: false });
    await driver.stop(larger, 1, SIGNAL);
    await driver.confirmBoot(larger);

    await driver.destroy(larger, SIGNAL);
    await driver.destroy(larger, SIGNAL);
    await expectNothing(vm.name);
  }, 120_000);

  test('the machine has what a headless build VM needs and nothing that could stop it', async () => {
    const vm = home.spec();
    await home.driver().create(vm, SIGNAL);
    const settings = machineFile(vm.name);
    const log = join(home.paths.vm(vm.name), 'console.log');
    for (const expected of [
      '<NAT localhost-reachable="true"/>',
      'type="virtio"',
      '<RTC localOrUTC="UTC"/>',
      `<Port slot="0" enabled="true" IOBase="0x3f8" IRQ="4" path="${log}" hostMode="RawFile"/>`,
      '<Order position="1" device="HardDisk"/>',
      '<Order position="2" device="None"/>',
    ]) {
      expect(settings).toContain(expected);
    }
    expect(settings).not.toMatch(/<AudioAdapter[^>]*enabled="true"|<Controller [^>]*type="(OHCI|EHCI|XHCI)"/);
    await home.driver().destroy(vm, SIGNAL);
  }, 120_000);

  test('a bridged VM takes the given adapter, or the first that is up, and keeps it', async () => {
    const vm = home.spec({ network: 'bridged' });
    const driver = home.driver();
    await driver.create(vm, SIGNAL);
    const seen = await driver.inspect(vm.name);
    expect(seen).toMatchObject({ network: 'bridged', bridgeAdapter: expect.any(String) });
    await driver.update({ ...vm, network: 'nat' }, SIGNAL);
    expect(await driver.inspect(vm.name)).toMatchObject({ network: 'nat', bridgeAdapter: null });
    await driver.update({ ...vm, bridgeAdapter: seen?.bridgeAdapter ?? null }, SIGNAL);
    expect(await driver.inspect(vm.name)).toMatchObject({ network: 'bridged', bridgeAdapter: seen?.bridgeAdapter });

    await expect(driver.update({ ...vm, bridgeAdapter: 'nosuch0' }, SIGNAL)).rejects.toMatchObject({
      code: 'bridge-adapter-missing',
      message: expect.stringContaining(seen?.bridgeAdapter ?? '?'),
    });
    // VirtualBox itself takes any name with a warning.
    const uuid = /uuid="\{(.*?)\}"/.exec(machineFile(vm.name))?.[1] ?? '';
    await home.manage('modifyvm', uuid, '--bridge-adapter1', 'nosuch0');
    expect(await home.driver().inspect(vm.name)).toMatchObject({ network: 'none', bridgeAdapter: 'nosuch0' });
    await driver.destroy(vm, SIGNAL);
  }, 120_000);

  test('VMs are listed, foreign ones included, for the price of one list', async () => {
    const [one, two] = [home.spec(), home.spec()];
    const driver = home.driver();
    await driver.create(one, SIGNAL);
    await driver.create(two, SIGNAL);
    await home.makeForeign('-h');
    home.calls.length = 0;
    const names = [one.name, two.name, one.name, 'no-such-vm'];
    const seen = await Promise.all(names.map((name) => driver.inspect(name)));
    expect(seen.map((vm) => vm?.uuid)).toEqual([one.uuid, two.uuid, one.uuid, undefined]);
    expect((await driver.list()).map((vm) => [vm.name, vm.fleet]).sort()).toEqual([
      ['-h', null],
      [one.name, 'laptops'],
      [two.name, 'laptops'],
    ]);
    expect(home.calls).toEqual([['list', '-l', 'vms']]);
    await driver.update({ ...one, memoryMib: 99 }, SIGNAL);
    expect(await driver.inspect(one.name)).toMatchObject({ memoryMib: 99 });
    for (const vm of [one, two]) await driver.destroy(vm, SIGNAL);
  }, 120_000);

  function machineFile(name: string): string {
    return readFileSync(join(home.paths.vm(name), 'virtualbox', name, `${name}.vbox`), 'utf8');
  }

  async function expectNothing(name: string): Promise<void> {
    expect(existsSync(home.paths.vm(name))).toBe(false);
    expect(await home.manage('list', 'vms')).not.toContain(`"${name}"`);
    expect(await home.manage('list', 'hdds')).not.toContain(home.paths.vm(name));
    expect(await home.driver().inspect(name)).toBeNull();
  }
});
