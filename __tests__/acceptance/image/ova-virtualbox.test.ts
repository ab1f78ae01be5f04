import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { writeOva } from '../../../src/images/ova/write-ova';
import { SATA_CONTROLLER } from '../../../src/drivers/virtualbox/arguments';
import { findProgram } from '../../support/tools';
import { describeWithVirtualBox, VirtualBoxHome } from '../../support/virtualbox-home';
import { cachedDebian } from './cached-image';

jest.setTimeout(20 * 60_000);

const { signal } = new AbortController();

describeWithVirtualBox("an OVA that was written without VirtualBox, in VirtualBox's hands", () => {
  let home: VirtualBoxHome;
  let ova: string;
  let disk: string;

  beforeAll(async () => {
    home = new VirtualBoxHome();
    const raw = Buffer.alloc(64 * 2 ** 20);
    randomBytes(2 ** 20).copy(raw, 2 ** 20);
    const file = join(home.root, 'disk.raw');
    writeFileSync(file, raw);
    [disk, ova] = [join(home.root, 'disk.qcow2'), join(home.root, 'small.ova')];
    await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', file, disk]);
    await writeOva({
      ...{ disk, path: ova, name: 'haskell-build', definitionHash: 'a1b2c3d4'.repeat(8), cpus: 2, memoryMib: 1024 },
      ...{ sourceDateEpoch: 1_600_000_000, run, signal },
    });
  });

  afterAll(() => {
    home.remove();
  });

  const importAs = (name: string, file = ova): Promise<string> =>
    home.manage('import', file, '--vsys', '0', '--vmname', name, '--basefolder', join(home.root, 'vms'));

  /** Settings of a VM as VBoxManage tells them. */
  async function settings(name: string): Promise<ReadonlyMap<string, string>> {
    const lines = (await home.manage('showvminfo', name, '--machinereadable')).split('\n');
    return new Map(
      lines.map((line) => {
        const [, key = '', value = ''] = /^"?([^"=]+)"?="?([^"]*)"?$/.exec(line) ?? [];
        return [key, value] as const;
      }),
    );
  }

  test('it is imported as the machine that it describes', async () => {
    await importAs('first');
    const found = await settings('first');
    expect(Object.fromEntries(found)).toMatchObject({
      ...{ ostype: 'Debian (64-bit)', cpus: '2', memory: '1024', chipset: 'ich9', firmware: 'BIOS', rtcuseutc: 'on' },
      ...{ nic1: 'nat', nictype1: 'virtio', localhostReachable: '1', ioapic: 'on', graphicscontroller: 'vmsvga' },
      ...{
        storagecontrollername0: SATA_CONTROLLER,
        storagecontrollertype0: 'IntelAhci',
        storagecontrollerportcount0: '2',
      },
      ...{ boot1: 'disk', boot2: 'none', longmode: 'on', VMState: 'poweroff' },
    });
    await run('qemu-img', ['compare', found.get(`${SATA_CONTROLLER}-0-0`) ?? '', disk]);
  });

  test('it is imported again beside the first: UUIDs and MAC are new each time', async () => {
    await importAs('second');
    const [one, other] = [await settings('first'), await settings('second')];
    for (const key of ['UUID', `${SATA_CONTROLLER}-ImageUUID-0-0`, 'macaddress1']) {
      expect(one.get(key)).toMatch(/^[0-9A-Fa-f-]{12,36}$/);
      expect(other.get(key)).not.toBe(one.get(key));
    }
  });

  test('the driver makes a VM of it', async () => {
    const spec = home.spec({ imagePath: ova });
    const driver = home.driver();
    await driver.create(spec, signal);
    expect(await driver.inspect(spec.name)).toMatchObject({ cpus: spec.cpus, network: 'nat', power: 'stopped' });
    await driver.attachSeed(spec, home.seed(spec.name), signal);
    expect(await driver.inspect(spec.name)).toMatchObject({ seedAttached: true });
    await driver.destroy(spec, signal);
  });

  test('its manifest is understood: an edited descriptor is refused', async () => {
    const bytes = readFileSync(ova);
    bytes.write('9', bytes.indexOf('RAMSize="1024"') + 'RAMSize="'.length);
    writeFileSync(join(home.root, 'edited.ova'), bytes);
    await expect(importAs('edited', join(home.root, 'edited.ova'))).rejects.toThrow(
      /Digest mismatch .*haskell-build\.ovf/,
    );
  });

  const imageTest = findProgram('mmdebstrap') === null ? test.skip : test;
  imageTest('the Debian image is imported, and VirtualBox has every bit of its disk', async () => {
    const { path } = await cachedDebian();
    await importAs('debian', (await cachedDebian('ova')).path);
    // That this disk boots from AHCI, as VirtualBox attaches it, the image's own suite shows.
    await run('qemu-img', ['compare', (await settings('debian')).get(`${SATA_CONTROLLER}-0-0`) ?? '', path]);
    await home.manage('unregistervm', 'debian', '--delete');
  });
});
