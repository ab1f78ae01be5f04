import fc from 'fast-check';
import {
  parseBridgedAdapters,
  parseLongVmList,
  parseMachineReadable,
  parseMedia,
  parseVersion,
  parseVmList,
} from '../../../../src/drivers/virtualbox/output';

// Outputs have the form in which VirtualBox 7.2.22_Debianr175245 prints them, unless a line says otherwise.

/** Printed by Debian's start script before anything else, with a line of a tab and nothing in the middle. */
const PREAMBLE = [
  'WARNING: The character device /dev/vboxdrv does not exist.',
  '\t Please install the virtualbox-dkms package and the appropriate',
  '\t headers, most likely linux-headers-amd64.',
  '',
  '\t You will not be able to start VMs until this problem is fixed.',
  '',
].join('\n');

const lineEnd = fc.constantFrom('\n', '\r\n');
const oneLine = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n\u2028\u2029]/g, ' '));
const hostile = fc.constantFrom('memory=1', 'UUID="x"', '"', '\\', '\\"', '{', '}', '=', '<inaccessible>', ' ');
const name = fc.array(fc.oneof(oneLine, hostile), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));

describe('list vms', () => {
  test('names are read with any characters in them', () => {
    const vms = fc.uniqueArray(fc.record({ uuid: fc.uuid(), name }), { selector: (vm) => vm.uuid });
    fc.assert(
      fc.property(vms, lineEnd, fc.boolean(), (list, end, hasPreamble) => {
        const text = list.map((vm) => `"${vm.name}" {${vm.uuid}}${end}`).join('');
        const expected = list.map((vm) => ({ ...vm, name: vm.name === '<inaccessible>' ? null : vm.name }));
        expect(parseVmList((hasPreamble ? PREAMBLE : '') + text)).toEqual(expected);
      }),
    );
  });
});

describe('showvminfo --machinereadable', () => {
  // What VirtualBox 7.2 does to a text: VBoxManageInfo.cpp, outputMachineReadableString.
  const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
  const key = fc.stringMatching(/^[a-z][A-Za-z0-9]{0,20}$/);
  const text = fc
    .array(fc.oneof(name, fc.constantFrom('\nmemory=1', '\nUUID="x"\n', '\n"SATA-0-0"="/x"\n', '\n')))
    .map((parts) => parts.join(''));

  test('values are read with any characters in them, and none can add a setting', () => {
    const entries = fc.uniqueArray(fc.tuple(key, fc.oneof(text, fc.nat())), { selector: ([k]) => k });
    fc.assert(
      fc.property(entries, fc.boolean(), (list, hasPreamble) => {
        const lines = list.map(([k, value]) => `${k}=${typeof value === 'number' ? value : quoted(value)}\n`);
        const printed = `${hasPreamble ? PREAMBLE : ''} rec_screen0\n${lines.join('')}`;
        expect([...parseMachineReadable(printed)]).toEqual(list.map(([k, value]) => [k, String(value)]));
      }),
    );
  });

  test('keys may be quoted, Windows ends lines otherwise, and the first of a key counts', () => {
    const values = parseMachineReadable('name="x"\r\nmemory=512\r\n"SATA-0-0"="C:\\\\a b.vmdk"\r\nmemory=1\r\n');
    expect(Object.fromEntries(values)).toEqual({ name: 'x', memory: '512', 'SATA-0-0': 'C:\\a b.vmdk' });
  });

  test('output that was cut off gives what it has', () => {
    fc.assert(
      fc.property(fc.nat(60), (length) => {
        const whole = 'name="a b"\nmemory=512\ndescription="one\ntwo"\nVMState="poweroff"\n';
        const values = parseMachineReadable(whole.slice(0, length));
        expect(['512', undefined]).toContain(length >= 22 ? values.get('memory') : undefined);
      }),
    );
  });
});

describe('list -l vms', () => {
  const UUIDS = ['a69612e9-ab85-469c-839d-896363ad964b', '89c0cbda-f8c1-4e0a-a0f9-ed845a269e83'] as const;
  const block = (uuid: string, vm: string, state: string, description = '') =>
    [
      `Name:                        ${vm}`,
      'Groups:                      /',
      `UUID:                        ${uuid}`,
      `Config file:                 /vms/${vm}/${vm}.vbox`,
      `State:                       ${state}`,
      ...(description === '' ? [] : ['Description:', description]),
      '* Guest:',
      'Configured memory balloon:   0MB',
      '',
      '',
    ].join('\n');

  test('identity, settings file and state of each VM', () => {
    const text = PREAMBLE + block(UUIDS[0], 'one', 'powered off (since 2026-11-21T11:48:37.000000000)');
    const second = block(UUIDS[1], 'two', 'running (since 2026-11-21T11:48:37.000000000)');
    for (const printed of [text + second, (text + second).replaceAll('\n', '\r\n')]) {
      expect(parseLongVmList(printed)).toEqual([
        { uuid: UUIDS[0], name: 'one', configFile: '/vms/one/one.vbox', state: 'poweroff' },
        { uuid: UUIDS[1], name: 'two', configFile: '/vms/two/two.vbox', state: 'running' },
      ]);
    }
  });

  test('a list in another language is none, an empty one has no VMs', () => {
    // VirtualBox 7.2.22_Debianr175245, language ca
    const catalan = `Nom:                         a\nGrups:                       /\nUUID:                        ${UUIDS[0]}\nFitxer de configuració:     /vms/a/a.vbox\nEstat:                       apagada (des de 2026-11-27T00:44:04.000000000)\n`;
    expect(parseLongVmList(PREAMBLE + catalan)).toBeUndefined();
    expect(parseLongVmList(PREAMBLE)).toEqual([]);
  });

  test('a state in another language is left to the machine-readable form', () => {
    expect(parseLongVmList(block(UUIDS[0], 'one', 'ausgeschaltet (seit 2026-11-21)'))?.[0]?.state).toBeNull();
  });

  test('a description that looks like another VM leaves the state of that VM open, whichever comes first', () => {
    const forged = block(UUIDS[1], 'two', 'running');
    const [first, second] = [block(UUIDS[0], 'one', 'powered off', forged), block(UUIDS[1], 'two', 'powered off')];
    for (const printed of [first + second, second + first]) {
      const states = new Map(parseLongVmList(printed)?.map(({ uuid, state }) => [uuid, state]));
      expect(Object.fromEntries(states)).toEqual({ [UUIDS[0]]: 'poweroff', [UUIDS[1]]: null });
    }
  });

  test('a VM that cannot be read has neither name nor state', () => {
    const text = `Name:            <inaccessible!>\nUUID:            ${UUIDS[0]}\nConfig file:     /gone.vbox\n\n`;
    expect(parseLongVmList(text)).toEqual([{ uuid: UUIDS[0], name: null, configFile: '/gone.vbox', state: null }]);
  });
});

describe('list bridgedifs', () => {
  test('names as on Linux, macOS and Windows', () => {
    // the names of the last two are made up: no such host was at hand
    const entry = (adapter: string, status: string, wireless: string, address: string) =>
      `Name:            ${adapter}\nGUID:            x\nIPAddress:       ${address}\nWireless:        ${wireless}\nStatus:          ${status}\nVBoxNetworkName: HostInterfaceNetworking-${adapter}\n\n`;
    const text =
      PREAMBLE +
      entry('eth0', 'Up', 'No', '192.0.2.2') +
      entry('en0: Wi-Fi (AirPort)', 'Up', 'Yes', '192.0.2.3') +
      entry('Intel(R) Ethernet Connection (7) I219-V #2', 'Down', 'No', '0.0.0.0');
    for (const printed of [text, text.replaceAll('\n', '\r\n')]) {
      expect(parseBridgedAdapters(printed)).toEqual([
        { name: 'eth0', isUp: true, isWireless: false, hasAddress: true },
        { name: 'en0: Wi-Fi (AirPort)', isUp: true, isWireless: true, hasAddress: true },
        { name: 'Intel(R) Ethernet Connection (7) I219-V #2', isUp: false, isWireless: false, hasAddress: false },
      ]);
    }
  });
});

test('another language: labels and words differ, their order does not', () => {
  // VirtualBox 7.2.22_Debianr175245, language ca; the second adapter is the first with other values
  const adapter = (name: string, address: string, wireless: string, status: string) =>
    `Nom:            ${name}\nGUID:            effffff9-7b97-44b7-8000-02fc00000001\nDHCP:            Inhabilitat\nIPAddress:       ${address}\nNetworkMask:     255.255.255.0\nIPV6Address:     fd00::2\nIPV6NetworkMaskPrefixLength: 64\nHardwareAddress: 02:fc:00:00:00:01\nMediumType:      Ethernet\nWireless:        ${wireless}\nEstat:          ${status}\nVBoxNetworkName: HostInterfaceNetworking-${name}\n\n`;
  const text = PREAMBLE + adapter('eth0', '192.0.2.2', 'No', 'Actiu') + adapter('wlan0', '0.0.0.0', 'Sí', 'Inactiu');
  expect(parseBridgedAdapters(text)).toEqual([
    { name: 'eth0', isUp: true, isWireless: false, hasAddress: true },
    { name: 'wlan0', isUp: false, isWireless: null, hasAddress: false },
  ]);
  const disk =
    "UUID:           f5e286c4-8217-40b2-9db1-f76c4d6a1e92\nUUID pare:      base\nEstat:          creat\nTipus:          normal (base)\nUbicació:       /vms/x.vmdk\nFormat d'emmagatzematge: VMDK\nCapacitat:      4 MBytes\nXifratge:       desactivat\n\n";
  expect(parseMedia(PREAMBLE + disk)).toEqual([
    { uuid: 'f5e286c4-8217-40b2-9db1-f76c4d6a1e92', parentUuid: null, location: '/vms/x.vmdk' },
  ]);
});

test('list hdds: what lies on what', () => {
  const medium = (uuid: string, parent: string, location: string) =>
    `UUID:           ${uuid}\nParent UUID:    ${parent}\nState:          created\nLocation:       ${location}\n\n`;
  const [base, child] = ['b27e438d-215f-4c93-8bb3-cb632971a389', '7fefea1a-72c9-43fe-9805-e763cff327db'];
  expect(parseMedia(`${PREAMBLE}${medium(base, 'base', '/a b/c: d.vmdk')}${medium(child, base, '/e.vmdk')}`)).toEqual([
    { uuid: base, parentUuid: null, location: '/a b/c: d.vmdk' },
    { uuid: child, parentUuid: base, location: '/e.vmdk' },
  ]);
});

test('versions of Debian and of Oracle', () => {
  expect(parseVersion(`${PREAMBLE}7.2.22_Debianr175245\n`)).toEqual([7, 2, 22]);
  expect(parseVersion('7.0.14r161095\r\n')).toEqual([7, 0, 14]);
  expect(parseVersion('bash: VBoxManage: command not found')).toBeUndefined();
});
