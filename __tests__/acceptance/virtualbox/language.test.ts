import { copyFileSync, existsSync, readdirSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeInVirtualBoxHome, VBOXMANAGE } from '../../support/virtualbox-home';

const SIGNAL = new AbortController().signal;

/** Those that VBoxManage's own texts are translated to. A locale changes none of them, the user's choice does. */
const LANGUAGES = [
  ['ca', 'Nom: '],
  ['ru', 'Name: '],
] as const;

describeInVirtualBoxHome('the VirtualBox driver where VirtualBox speaks another language', 1, (home) => {
  test('there are the translations that this needs', () => {
    const files = readdirSync(join(dirname(VBOXMANAGE), 'usr/share/virtualbox/nls'));
    expect(files).toEqual(expect.arrayContaining(LANGUAGES.map(([language]) => `VBoxManageNls_${language}.qm`)));
  });

  test.each(LANGUAGES)(
    'a VM lives in %s as in English',
    async (language, label) => {
      await home.manage('setproperty', 'language', language);
      const vm = home.spec({ network: 'bridged' });
      const driver = home.driver();
      await driver.create(vm, SIGNAL);
      expect(await home.manage('list', '-l', 'vms')).toContain(label);
      const made = await home.driver().inspect(vm.name);
      expect(made).toMatchObject({
        ...home.shown(vm),
        bridgeAdapter: expect.any(String),
        power: 'stopped',
        imageHash: 'hash',
      });
      expect((await home.driver().list()).map(({ name, fleet }) => [name, fleet])).toEqual([[vm.name, 'laptops']]);

      await home.driver().create(vm, SIGNAL);
      expect(await home.driver().inspect(vm.name)).toEqual(made);
      await driver.update({ ...vm, cpus: 2, network: 'nat' }, SIGNAL);
      expect(await home.driver().inspect(vm.name)).toMatchObject({ cpus: 2, network: 'nat' });
      await driver.attachSeed(vm, home.seed(vm.name), SIGNAL);
      expect(await home.driver().inspect(vm.name)).toMatchObject({ seedAttached: true });
      await expect(driver.start(vm, SIGNAL)).rejects.toMatchObject({ code: 'virtualbox-driver-missing' });

      await driver.destroy(vm, SIGNAL);
      expect(existsSync(home.paths.vm(vm.name))).toBe(false);
      for (const list of ['vms', 'hdds', 'dvds']) expect(await home.manage('list', list)).not.toContain(vm.name);
    },
    120_000,
  );

  test.each(LANGUAGES)(
    'failures are told apart in %s, and carry their codes',
    async (language) => {
      await home.manage('setproperty', 'language', language);
      const imagePath = join(home.root, 'damaged.ova');
      copyFileSync(home.appliance, imagePath);
      truncateSync(imagePath, 512 * 1024);
      const vm = home.spec();
      const driver = home.driver();
      await expect(driver.create({ ...vm, imagePath }, SIGNAL)).rejects.toMatchObject({ code: 'image-damaged' });
      await driver.create(vm, SIGNAL);
      await expect(driver.update({ ...vm, cpus: 100_000 }, SIGNAL)).rejects.toMatchObject({
        code: 'vm-setting-refused',
        message: expect.stringMatching(/NS_ERROR_INVALID_ARG|E_INVALIDARG/),
      });
      await driver.destroy(vm, SIGNAL);

      const theirs = home.spec();
      await home.makeForeign(theirs.name);
      await expect(driver.create(theirs, SIGNAL)).rejects.toMatchObject({ code: 'vm-not-ours' });
      await home.manage('unregistervm', theirs.name, '--delete');
    },
    120_000,
  );
});
