import fc from 'fast-check';
import { isIPv4 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import { workstationNetwork } from '../../../../src/drivers/qemu/workstation-network';

const info = (cidr: string, internal = false): NetworkInterfaceInfo => {
  const address = cidr.split('/')[0]!;
  const rest = { address, cidr, internal, mac: '00:00:00:00:00:00', netmask: '' };
  return isIPv4(address) ? { ...rest, family: 'IPv4' } : { ...rest, family: 'IPv6', scopeid: 0 };
};
const LOOPBACK = [info('127.0.0.1/8', true), info('::1/128', true)];
const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const ipv4Default = (name: string) => `${name}\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`;
const ZERO = '0'.repeat(32);
const ipv6Default = (name: string) =>
  `${ZERO} 00 ${ZERO} 00 ${'f'.repeat(32)} 00000400 00000004 0 00000003     ${name}\n`;

const looked = (
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>,
  files: Readonly<Record<string, string>> = {},
  bridges: readonly string[] = [],
) =>
  workstationNetwork(
    { lo: LOOPBACK, ...interfaces },
    (path) => {
      const text = files[path];
      if (text === undefined) throw new Error('ENOENT');
      return text;
    },
    (name) => bridges.includes(name),
  );

test('a machine without any network has nothing but its loopback', () => {
  expect(looked({})).toEqual({ own: [], interface: 'lo', hasOwnResolver: false });
});

test('own are addresses of IPv4, networks of IPv6, and networks of bridges that lead nowhere else', () => {
  const { own } = looked(
    {
      eth0: [info('192.168.1.10/24'), info('2001:db8:1::a/64'), info('fe80::1/64')],
      wlan0: [info('10.1.2.3/16'), info('2001:db8:2::a/48')],
      docker0: [info('172.17.0.1/16')],
      br0: [info('192.168.9.5/24')],
      tun0: [info('fd00::1/128')],
    },
    { '/proc/net/route': HEAD + ipv4Default('br0') },
    ['docker0', 'br0'],
  );
  expect(own).toEqual([
    ...['10.1.2.3', '172.17.0.0/16', '192.168.1.10', '192.168.9.5'],
    ...['2001:db8:1::a/64', '2001:db8:2::a/64', 'fd00::1/128'],
  ]);
});

test("each address is in the network of its bridge, whose first address is the network's", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 1, max: 32 }), (bits, length) => {
      const address = [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
      const [network] = looked({ docker0: [info(`${address}/${length}`)] }, {}, ['docker0']).own;
      const [first = '', size] = network!.split('/');
      expect(Number(size)).toBe(length);
      const mask = length === 32 ? 0xffffffff : ~(2 ** (32 - length) - 1);
      const number = first.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
      expect(number >>> 0).toBe((bits & mask) >>> 0);
    }),
  );
});

test('IPv6 is learnt of from the interface of a default route', () => {
  const table = `${ipv6Default('lo')}${ipv6Default('wlan0')}`;
  expect(looked({}, { '/proc/net/ipv6_route': table }).interface).toBe('wlan0');
  expect(looked({}, { '/proc/net/ipv6_route': ipv6Default('lo') }).interface).toBe('lo');
});

test.each([
  ['nameserver 127.0.0.53\n', true],
  ['# nameserver 127.0.0.1\nnameserver 192.168.1.1\nnameserver 127.0.0.1\n', false],
  ['search home\nnameserver 192.168.1.10\n', true],
  ['nameserver 172.17.0.1\n', true],
  ['nameserver ::1\nnameserver 9.9.9.9\n', false],
  ['nameserver 999.0.0.1\n', false],
  ['', false],
])('the resolver is own: %j', (text, expected) => {
  const interfaces = { eth0: [info('192.168.1.10/24')], docker0: [info('172.17.0.1/16')] };
  expect(looked(interfaces, { '/etc/resolv.conf': text }, ['docker0']).hasOwnResolver).toBe(expected);
});
