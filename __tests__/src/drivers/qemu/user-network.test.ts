import { inIsolatedNetwork, isConnected } from '../../../../src/drivers/qemu/user-network';

const NETWORK = {
  ...{ own: ['192.0.2.2', '2001:db8::2/64'], interface: 'eth0', hasOwnResolver: false },
  ...{ relayPort: 12220, resolvConf: '/state/resolv.conf', isRoot: false },
} as const;

test('the whole argv', () => {
  expect(inIsolatedNetwork(NETWORK, ['qemu', '-name', 'guest=alpha'])).toMatchSnapshot();
});

test('one port leads to the workstation, none from it, and its gateway is not the workstation', () => {
  const argv = inIsolatedNetwork(NETWORK, ['qemu']);
  const after = (option: string) => argv[argv.indexOf(option) + 1];
  expect(['--tcp-ns', '--udp-ns', '--tcp-ports', '--udp-ports'].map(after)).toEqual(['12220', 'none', 'none', 'none']);
  expect(argv).toContain('--no-map-gw');
});

test('root has a user namespace made for it, in which pasta stays root', () => {
  const argv = inIsolatedNetwork({ ...NETWORK, isRoot: true }, ['qemu']);
  expect(argv.slice(0, 4)).toEqual(['unshare', '--user', '--map-root-user', 'pasta']);
  expect(argv).toEqual(expect.arrayContaining(['--netns-only', '--runas']));
});

test('without IPv6 on the workstation there is none, and none of its addresses are given to ip', () => {
  const argv = inIsolatedNetwork({ ...NETWORK, interface: 'lo' }, ['qemu']);
  expect(argv).toContain('--ipv4-only');
  expect(argv.filter((word) => /^(2001|fd|fe80):/.test(word))).toEqual([]);
  expect(argv).toContain('192.0.2.2');
});

test('names are looked up by pasta where the resolver is on the workstation', () => {
  expect(inIsolatedNetwork(NETWORK, ['qemu'])).not.toContain('--dns-forward');
  const argv = inIsolatedNetwork({ ...NETWORK, hasOwnResolver: true }, ['qemu']);
  expect(argv).toEqual(expect.arrayContaining(['--dns-forward', '192.0.0.3', '--mount', '/state/resolv.conf']));
});

test('a namespace is connected while it has the interface of pasta', () => {
  const table =
    (...names: string[]) =>
    () =>
      ['Inter-|   Receive', ' face |bytes', ...names.map((name) => `${name}:       0       0`)].join('\n');
  expect(isConnected(1, table('    lo', 'uplink'))).toBe(true);
  expect(isConnected(1, table('    lo'))).toBe(false);
  expect(isConnected(1, table('    lo', 'myuplink'))).toBe(false);
  const gone = () => {
    throw new Error('ENOENT');
  };
  expect(isConnected(1, gone)).toBeUndefined();
});
