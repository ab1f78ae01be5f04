import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithVirtualBox, VBOXMANAGE, VirtualBoxHome } from '../../support/virtualbox-home';
import { SCRIPTS } from './support/fake-virtualbox';

jest.setTimeout(5 * 60_000);

describeWithVirtualBox('an image imported by hand', () => {
  let directory: string;
  let box: VirtualBoxHome;

  beforeAll(async () => {
    directory = temporaryDirectory();
    mkdirSync(join(directory, 'bin'));
    // The real one looks for VBoxManage on the path, and must not find this.
    const wrapper = `#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin exec '${VBOXMANAGE}' "$@"\n`;
    writeFileSync(join(directory, 'bin/VBoxManage'), wrapper, { mode: 0o755 });
    for (const name of ['host', 'tunnel']) {
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(directory, name)]);
    }
    box = new VirtualBoxHome();
    await box.makeAppliance();
  });

  afterAll(async () => {
    await box.manage('unregistervm', 'alpha', '--delete').catch(() => undefined);
    box.remove();
  });

  async function script(name: string, ...args: string[]): Promise<void> {
    const environment = { HOME: directory, PATH: `${join(directory, 'bin')}:${process.env['PATH'] ?? ''}` };
    await run(join(SCRIPTS, name), args, { env: { ...box.environment, ...environment }, cwd: directory });
  }

  test('is a VM with its seed, and nothing is done to it twice', async () => {
    const base = join(directory, 'vms');
    const image = ['--ova', box.appliance, '--name', 'alpha'];
    await script('setup-vm.sh', ...image, '--memory', '512', '--cpus', '1', '--base-folder', base);
    const keys = ['--tunnel-key', 'tunnel', '--host-key', 'host', '--relay-host-key', 'host.pub'];
    const tunnel = ['--relay-host', '10.0.2.2', '--tunnel-port', '12221', '--developer-key', 'tunnel.pub'];
    await script('inject-keys.sh', '--name', 'alpha', ...keys, ...tunnel);

    const info = await box.manage('showvminfo', 'alpha', '--machinereadable');
    for (const line of [
      'memory=512',
      'cpus=1',
      'nic1="nat"',
      'uart1="0x03f8,4"',
      `uartmode1="file,${directory}/.local/state/buildfleet/alpha-console.log"`,
      `CfgFile="${base}/alpha/alpha.vbox"`,
      `"SATA Controller-1-0"="${directory}/.local/state/buildfleet/seeds/alpha.iso"`,
    ]) {
      expect(info.split('\n')).toContain(line);
    }

    await expect(script('setup-vm.sh', ...image)).rejects.toThrow(/there is a VM alpha already/);
    expect(await box.manage('showvminfo', 'alpha', '--machinereadable')).toBe(info);
  });
});
