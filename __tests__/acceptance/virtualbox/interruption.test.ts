import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { VmSpec } from '../../../src/drivers/driver';
import { writeRecord } from '../../../src/drivers/virtualbox/record';
import { importArguments, machineFiles, SATA_CONTROLLER } from '../../../src/drivers/virtualbox/arguments';
import { until } from '../../support/until';
import { describeInVirtualBoxHome, VBOXMANAGE } from '../../support/virtualbox-home';

const SIGNAL = new AbortController().signal;

describeInVirtualBoxHome('the VirtualBox driver, interrupted', 96, (home) => {
  function start(args: readonly string[]) {
    return spawn(VBOXMANAGE, args, { env: { ...process.env, ...home.environment }, stdio: 'ignore' });
  }

  /** What a driver that was killed during an import leaves: its record, and an import that goes on. */
  function begun(vm: VmSpec) {
    mkdirSync(home.paths.vm(vm.name), { recursive: true });
    writeRecord(home.paths.vm(vm.name), vm, null);
    const { name, imagePath, uuid, fleet, imageHash } = vm;
    const files = machineFiles(home.paths.vm(name));
    mkdirSync(files.baseFolder);
    const owner = { fleet, vm: uuid, image: imageHash, machine: '' };
    return start(
      importArguments({ name, imagePath, owner, ...files, hardware: { ...vm, ...files }, controller: SATA_CONTROLLER }),
    );
  }

  function diskOf(vm: VmSpec): boolean {
    const folder = join(home.paths.vm(vm.name), 'virtualbox', vm.name);
    return existsSync(folder) && readdirSync(folder).some((file) => file.endsWith('.vmdk'));
  }

  async function machines(name: string): Promise<string[]> {
    return (await home.manage('list', 'vms')).split('\n').filter((line) => line.startsWith(`"${name}"`));
  }

  test.each([
    ['before VBoxSVC has it', () => pause(20)],
    ['while the disk is written', (vm: VmSpec) => until('the disk appears', 60, () => diskOf(vm))],
  ])(
    'VBoxManage is killed %s, and so is the driver',
    async (_when, moment) => {
      const vm = home.spec();
      const client = begun(vm);
      await moment(vm);
      client.kill('SIGKILL');
      await once(client, 'exit');
      expect(await home.driver().inspect(vm.name)).toBeNull();
      await home.driver().create(vm, SIGNAL);
      expect(await machines(vm.name)).toHaveLength(1);
      expect(await home.driver().inspect(vm.name)).toMatchObject({ ...home.shown(vm), power: 'stopped' });
      await home.driver().destroy(vm, SIGNAL);
      expect(await machines(vm.name)).toEqual([]);
      expect(await home.manage('list', 'hdds')).not.toContain(home.paths.vm(vm.name));
      expect(existsSync(home.paths.vm(vm.name))).toBe(false);
    },
    240_000,
  );

  test('an import that VBoxSVC finished alone is adopted, not made again', async () => {
    const vm = home.spec();
    await once(begun(vm), 'exit');
    const before = await machines(vm.name);
    home.calls.length = 0;
    await home.driver().create(vm, SIGNAL);
    expect(await machines(vm.name)).toEqual(before);
    expect(home.calls.map(([command]) => command)).not.toContain('import');
    expect(await home.driver().inspect(vm.name)).toMatchObject({ ...home.shown(vm), power: 'stopped' });
    await home.driver().destroy(vm, SIGNAL);
  }, 240_000);

  test('destroy waits for an import that goes on, and leaves nothing of it', async () => {
    const vm = home.spec();
    const client = begun(vm);
    await until('the disk appears', 60, () => diskOf(vm));
    client.kill('SIGKILL');
    await home.driver().destroy(vm, SIGNAL);
    expect(await machines(vm.name)).toEqual([]);
    expect(existsSync(home.paths.vm(vm.name))).toBe(false);
  }, 240_000);

  test('VBoxManage alone is killed: the driver goes on with what VBoxSVC makes', async () => {
    const vm = home.spec();
    const creating = home.driver().create(vm, SIGNAL);
    await until('the disk appears', 60, () => diskOf(vm));
    for (const pid of home.clients('import')) process.kill(pid, 'SIGKILL');
    await creating;
    expect(await machines(vm.name)).toHaveLength(1);
    expect(await home.driver().inspect(vm.name)).toMatchObject({ ...home.shown(vm), power: 'stopped' });
    await home.driver().destroy(vm, SIGNAL);
  }, 240_000);

  test('a cancelled create is finished by the next', async () => {
    const vm = home.spec();
    const controller = new AbortController();
    const creating = home.driver().create(vm, controller.signal);
    await until('the disk appears', 60, () => diskOf(vm));
    controller.abort();
    await expect(creating).rejects.toThrow();
    await home.driver().create(vm, SIGNAL);
    expect(await machines(vm.name)).toHaveLength(1);
    await home.driver().destroy(vm, SIGNAL);
  }, 240_000);

  test('a VM whose lock another session holds is waited for, or told', async () => {
    const vm = home.spec();
    await home.driver().create(vm, SIGNAL);
    const [machine = ''] = /[0-9a-f-]{36}/.exec((await machines(vm.name))[0] ?? '') ?? [];
    const holder = await home.holdLock(machine);
    try {
      const impatient = home.driver({ lockPatience: 500 });
      await expect(impatient.update({ ...vm, cpus: 2 }, SIGNAL)).rejects.toMatchObject({ code: 'vm-locked' });
      expect(await home.driver().inspect(vm.name)).toMatchObject({ cpus: 1 });
      const patient = home.driver({ lockPatience: 60_000 }).update({ ...vm, cpus: 2 }, SIGNAL);
      await pause(300);
      holder.release();
      await patient;
    } finally {
      holder.release();
    }
    expect(await home.driver().inspect(vm.name)).toMatchObject({ cpus: 2 });
    await home.driver().destroy(vm, SIGNAL);
  }, 240_000);

  test('a fleet of VMs made at once is imported one by one', async () => {
    const small = join(home.root, 'small.ova');
    await home.makeAppliance(1, small);
    const vms = Array.from({ length: 3 }, () => home.spec({ imagePath: small }));
    const driver = home.driver();
    await Promise.all(vms.map((vm) => driver.create(vm, SIGNAL)));
    expect(await Promise.all(vms.map((vm) => driver.inspect(vm.name)))).toMatchObject(vms.map((vm) => home.shown(vm)));
    await Promise.all(vms.map((vm) => driver.destroy(vm, SIGNAL)));
    expect(await home.manage('list', 'hdds')).not.toContain('Location');
  }, 240_000);
});
