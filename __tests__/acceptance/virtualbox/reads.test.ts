import { mkdirSync } from 'node:fs';
import type { VmSpec } from '../../../src/drivers/driver';
import { writeRecord } from '../../../src/drivers/virtualbox/record';
import { machineFiles, tagArguments } from '../../../src/drivers/virtualbox/arguments';
import { describeInVirtualBoxHome } from '../../support/virtualbox-home';

/** Processes at a time: two cores, and VBoxSVC is one process. */
const ATONCE = 4;

describeInVirtualBoxHome('reads of many VirtualBox VMs', 0, (home) => {
  const specs: VmSpec[] = [];

  /** A VM without a disk, which nothing here needs: an import would take ten times as long. */
  async function make(): Promise<void> {
    const vm = home.spec();
    const { baseFolder } = machineFiles(home.paths.vm(vm.name));
    mkdirSync(baseFolder, { recursive: true });
    const said = await home.manage(
      ...['createvm', '--name', vm.name, '--ostype', 'Debian_64', '--register', '--basefolder', baseFolder],
    );
    const machine = /^UUID: (\S+)/m.exec(said)?.[1] ?? '';
    await home.manage(...tagArguments({ fleet: vm.fleet, vm: vm.uuid, image: vm.imageHash, machine }));
    writeRecord(home.paths.vm(vm.name), vm, machine);
    specs.push(vm);
  }

  /** Terraform has one provider process for all VMs, and asks for ten at a time. */
  async function refresh(): Promise<void> {
    const driver = home.driver();
    const waiting = [...specs];
    const worker = async () => {
      for (let vm = waiting.pop(); vm; vm = waiting.pop()) {
        expect(await driver.inspect(vm.name)).toMatchObject({ uuid: vm.uuid, fleet: vm.fleet });
      }
    };
    await Promise.all(Array.from({ length: 10 }, worker));
  }

  test.each([1, 10, 50])(
    'a refresh of %i runs `list -l vms` once and nothing else',
    async (count) => {
      while (specs.length < count)
        await Promise.all(Array.from({ length: Math.min(ATONCE, count - specs.length) }, make));
      home.calls.length = 0;
      await refresh();
      expect(home.calls).toEqual([['list', '-l', 'vms']]);
    },
    240_000,
  );
});
