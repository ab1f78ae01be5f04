import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { chooseAdapter } from '../../../src/drivers/virtualbox/adapters';
import { parseBridgedAdapters } from '../../../src/drivers/virtualbox/output';
import { run } from '../../../src/process/run';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { FakeVirtualBox, MACHINE, SCRIPTS } from './support/fake-virtualbox';

/** As VirtualBox 7.2.22 prints one, shortened. */
const printed = ([name, wireless, status, address = '192.0.2.2']: readonly string[]) =>
  `Name:            ${name}\nIPAddress:       ${address}\nWireless:        ${wireless}\nStatus:          ${status}\nVBoxNetworkName: HostInterfaceNetworking-${name}\n\n`;

const BRIDGES = [
  ['wlp3s0: Wi-Fi', 'Yes', 'Up'],
  ['eno1', 'No', 'Down'],
  ['Intel(R) Ethernet: I219', 'No', 'Up'],
  ['later', 'No', 'Up'],
]
  .map(printed)
  .join('');

jest.setTimeout(60_000);

describeWithTools(['shellcheck', 'bash'], 'the scripts for the host', () => {
  test.each(['setup-vm.sh', 'inject-keys.sh'])('%s passes shellcheck and explains itself', async (name) => {
    await run('shellcheck', [join(SCRIPTS, name)]);
    await run('bash', ['-n', join(SCRIPTS, name)]);
    expect((await run(join(SCRIPTS, name), ['--help'])).stdout).toMatch(/^usage: /);
  });

  test('the stand-in for VBoxManage passes shellcheck', async () => {
    await run('shellcheck', [join(__dirname, 'support/fake-vboxmanage')]);
  });
});

describe('setup-vm.sh', () => {
  let directory: string;
  let box: FakeVirtualBox;
  let ova: string;

  beforeEach(() => {
    directory = temporaryDirectory();
    box = new FakeVirtualBox(directory);
    ova = join(directory, 'the image.ova');
    writeFileSync(ova, 'appliance');
  });
  async function setUp(...args: string[]): Promise<string> {
    const { stdout, stderr } = await box.script('setup-vm.sh', args);
    return stdout + stderr;
  }

  test('imports a VM behind NAT, with its console in a file', async () => {
    const said = await setUp('--ova', ova, '--name', 'haskell-build-alpha');
    const log = join(box.home, '.local/state/buildfleet/haskell-build-alpha-console.log');
    expect(box.changes()).toEqual([
      [...['import', ova, '--vsys', '0', '--vmname', 'haskell-build-alpha'], ...['--memory', '8192', '--cpus', '4']],
      [
        ...['modifyvm', MACHINE, '--nic1', 'nat', '--nat-localhostreachable1', 'on', '--nic-type1', 'virtio'],
        ...['--cable-connected1', 'on', '--rtc-use-utc', 'on'],
        ...['--boot1', 'disk', '--boot2', 'none', '--boot3', 'none', '--boot4', 'none'],
        ...['--uart1', '0x3F8', '4', '--uart-mode1', 'file', log],
      ],
    ]);
    expect(said).toContain('inject-keys.sh --name haskell-build-alpha');
  });

  const adapter = (): unknown => box.changes().at(-1)?.slice(2, 6);

  test('bridges to the first adapter that is up, wired before wireless, or to the one that is named', async () => {
    box.answer('bridgedifs', BRIDGES.replaceAll('\n', '\r\n'));
    await setUp('--ova', ova, '--name', 'a', '--network', 'bridged', '--memory', '2048', '--cpus', '2');
    expect(box.changes()[0]).toEqual(expect.arrayContaining(['--memory', '2048', '--cpus', '2']));
    expect(adapter()).toEqual(['--nic1', 'bridged', '--bridge-adapter1', 'Intel(R) Ethernet: I219']);

    box.answer('vms', '');
    await setUp('--ova', ova, '--name', 'b', '--network', 'bridged', '--adapter', 'wlp3s0: Wi-Fi');
    expect(adapter()).toEqual(['--nic1', 'bridged', '--bridge-adapter1', 'wlp3s0: Wi-Fi']);
  });

  test('finds an adapter also where VirtualBox speaks another language', async () => {
    // language ca, which has its own words for Name, Status and Up
    const catalan = BRIDGES.replace(/^Name: /gm, 'Nom: ')
      .replaceAll('Status: ', 'Estat: ')
      .replaceAll('Up', 'Actiu');
    box.answer('bridgedifs', catalan);
    await setUp('--ova', ova, '--name', 'a', '--network', 'bridged');
    expect(adapter()).toEqual(['--nic1', 'bridged', '--bridge-adapter1', 'Intel(R) Ethernet: I219']);
  });

  test('chooses as a deploy does, for any adapters', async () => {
    const name = fc.constantFrom('eno1', 'wlp3s0: Wi-Fi', 'Intel(R) Ethernet: I219', 'tap0', '0', 'eth9');
    const adapters = fc.uniqueArray(
      fc.tuple(
        name,
        fc.constantFrom('Yes', 'No', 'Sí'),
        fc.constantFrom('Up', 'Down', 'Actiu'),
        fc.constantFrom('192.0.2.2', '0.0.0.0', ''),
      ),
      { selector: ([called]) => called, maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(adapters, fc.option(name, { freq: 1 }), async (list, bridgeAdapter) => {
        const text = list.map(printed).join('');
        const wish = bridgeAdapter === null ? [] : ['--adapter', bridgeAdapter];
        box.answer('vms', '');
        box.answer('bridgedifs', text);
        const script = setUp('--ova', ova, '--name', 'a', '--network', 'bridged', ...wish).then(
          () => box.changes().at(-1)?.[5],
          (error: unknown) => /adapter to bridge to/.test(String(error)) && 'refused',
        );
        expect(await script).toBe(deployed(bridgeAdapter, text));
      }),
      { numRuns: 100 },
    );
  });

  function deployed(bridgeAdapter: string | null, text: string): string {
    try {
      return chooseAdapter({ name: 'a', bridgeAdapter }, parseBridgedAdapters(text));
    } catch {
      return 'refused';
    }
  }

  test('refuses an adapter that VirtualBox does not have, before anything is imported', async () => {
    box.answer('bridgedifs', BRIDGES);
    await expect(setUp('--ova', ova, '--name', 'a', '--network', 'bridged', '--adapter', 'eth9')).rejects.toThrow(
      /no such adapter to bridge to as eth9/,
    );
    box.answer('bridgedifs', BRIDGES.replaceAll('Up', 'Down'));
    await expect(setUp('--ova', ova, '--name', 'a', '--network', 'bridged')).rejects.toThrow(/no adapter to bridge to/);
    expect(box.changes()).toEqual([]);
  });

  test('leaves a VM of the same name alone', async () => {
    const other = '99999999-2222-3333-4444-555555555555';
    box.answer('vms', `"<inaccessible>" {${MACHINE}}\n"alpha 2" {${MACHINE}}\n"alpha" {${other}}\n`);
    await expect(setUp('--ova', ova, '--name', 'alpha')).rejects.toThrow(`a VM alpha already (${other})`);
    expect(box.changes()).toEqual([]);
  });

  test.each(['-h', '--name', '../evil', 'Alpha', 'a b', 'a"b', 'a\nb', '', 'ä', `a${'b'.repeat(63)}`])(
    'refuses the name %j',
    async (name) => {
      await expect(setUp('--ova', ova, '--name', name)).rejects.toThrow(/setup-vm: --name is /);
      expect(box.changes()).toEqual([]);
    },
  );

  test('takes an image only with the checksum that was given', async () => {
    const sha256 = createHash('sha256').update('appliance').digest('hex');
    await expect(setUp('--ova', ova, '--name', 'a', '--sha256', sha256.replace(/./, 'x'))).rejects.toThrow(
      /has another checksum/,
    );
    expect(box.changes()).toEqual([]);
    await setUp('--ova', 'the image.ova', '--name', 'a', '--sha256', sha256).catch(() => undefined);
    expect(box.changes()).toEqual([]);
    await setUp('--ova', ova, '--name', 'a', '--sha256', sha256);
    expect(box.changes()).toHaveLength(2);
  });

  test.each([
    [['--memory', '1g'], '--memory is 1g'],
    [['--memory', '64'], '--memory is 64'],
    [['--cpus', '0'], '--cpus is 0'],
    [['--network', 'hostonly'], 'must be nat or bridged'],
    [['--adapter', 'eth0'], '--adapter is for a bridged VM'],
    [['--password', 'x'], '--password is not known'],
    [['--memory'], '--memory needs a value'],
  ])('refuses %j', async (args, message) => {
    await expect(setUp('--ova', ova, '--name', 'a', ...args)).rejects.toThrow(message);
    expect(box.changes()).toEqual([]);
  });

  test('says what is wrong with VirtualBox', async () => {
    box.answer('version', '6.1.50r161033\n');
    await expect(setUp('--ova', ova, '--name', 'a')).rejects.toThrow(/older than 7\.0/);
    box.answer('version', '7.0.0r1\n');
    box.answer('import-fails', '');
    await expect(setUp('--ova', ova, '--name', 'a')).rejects.toThrow(/VirtualBox cannot import/);
    expect(box.changes()).toHaveLength(1);
  });
});
