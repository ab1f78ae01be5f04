import { preflight } from '../../../../src/drivers/virtualbox/preflight';
import { type ExpectedFinding, expectFindings } from '../../cli/doctor/expect-findings';
import { type FakeParts, fakeMachine } from '../../cli/doctor/fake-machine';

const CACHE = '/cache';
const VBOX = (version: string) => ({ 'VBoxManage --version': `WARNING: no character device\n${version}_Debianr1\n` });
const KVM_ON = { '/sys/module/kvm/parameters/enable_virt_at_load': 'Y\n' };
const ADAPTER = (name: string, status: string) =>
  `Name:            ${name}\nIPAddress:       192.168.1.2\nWireless:        No\nStatus:          ${status}\nVBoxNetworkName: HostInterfaceNetworking-${name}\n\n`;

/** What is looked at, whether a host needs it, what there is, and what is found. */
const TABLE: readonly (readonly [string, string, boolean, FakeParts, readonly ExpectedFinding[]])[] = [
  ['virtualbox', 'virtualbox', true, { programs: VBOX('7.2.22') }, [['ok', /^7\.2\.22$/]]],
  ['no virtualbox', 'virtualbox', true, {}, [['problem', /not installed/, /7\.0/]]],
  ['no virtualbox needed', 'virtualbox', false, {}, [['note', /no host needs it/]]],
  ['old virtualbox', 'virtualbox', true, { programs: VBOX('6.1.50') }, [['problem', /too old/, /7\.0/]]],
  ['old virtualbox unneeded', 'virtualbox', false, { programs: VBOX('6.1.50') }, [['note', /too old/, /7\.0/]]],
  [
    'virtualbox that answers nonsense',
    'virtualbox',
    true,
    { programs: { 'VBoxManage --version': 'hello' } },
    [['problem', /version/, /again/]],
  ],
  [
    'virtualbox 7.2.0 beside the kvm of 6.12',
    'virtualbox',
    true,
    { programs: VBOX('7.2.0'), kernel: '6.12.9-amd64', files: KVM_ON },
    [
      ['ok', /7\.2\.0/],
      ['problem', /6\.12\.9-amd64/, /kvm\.enable_virt_at_load=0/],
    ],
  ],
  [
    'the same with the parameter off',
    'virtualbox',
    true,
    {
      programs: VBOX('7.2.0'),
      kernel: '6.12.9-amd64',
      files: { '/sys/module/kvm/parameters/enable_virt_at_load': 'N\n' },
    },
    [['ok', /7\.2\.0/]],
  ],
  [
    'the same on an older kernel',
    'virtualbox',
    true,
    { programs: VBOX('7.2.0'), kernel: '6.11.0', files: KVM_ON },
    [['ok', /7\.2\.0/]],
  ],
  [
    'a later virtualbox',
    'virtualbox',
    true,
    { programs: VBOX('7.2.2'), kernel: '6.18.0', files: KVM_ON },
    [['ok', /7\.2\.2/]],
  ],
  ['vboxdrv', 'vboxdrv', true, { access: { '/dev/vboxdrv': 'denied' } }, [['ok', /loaded/]]],
  ['no vboxdrv', 'vboxdrv', true, {}, [['problem', /not loaded/, /modprobe vboxdrv/]]],
  [
    'vboxdrv without device',
    'vboxdrv',
    true,
    { files: { '/proc/modules': 'vboxdrv 696320 2 - Live\n' } },
    [['problem', /no \/dev\/vboxdrv/, /udevadm/]],
  ],
  ['no vboxdrv needed', 'vboxdrv', false, {}, []],
  [
    'adapters',
    'bridge adapter',
    true,
    { programs: { 'VBoxManage list bridgedifs': ADAPTER('eth0', 'Down') + ADAPTER('en0: Wi-Fi', 'Up') } },
    [['ok', /use en0: Wi-Fi$/]],
  ],
  [
    'no adapter up',
    'bridge adapter',
    true,
    { programs: { 'VBoxManage list bridgedifs': ADAPTER('eth0', 'Down') } },
    [['warning', /eth0 \(down\)/, /connect/]],
  ],
  ['adapters unneeded', 'bridge adapter', false, {}, []],
];

test('a host behind NAT is named: its VMs reach all of the workstation', async () => {
  const natHosts = [{ id: 'laptop', userNetwork: 'isolated' }] as const;
  const subject = { isNeeded: true, bridgeAdapters: [], natHosts, cacheDirectory: CACHE };
  expectFindings((await preflight['nat']?.(fakeMachine(), subject)) ?? [], [
    ['warning', /VMs of laptop reach every service/, /bridged/],
  ]);
});

test.each(TABLE)('%s', async (_name, check, isNeeded, parts, expected) => {
  const look = preflight[check];
  if (look === undefined) throw new Error(`there is no check ${check}`);
  expectFindings(
    await look(fakeMachine(parts), {
      isNeeded,
      bridgeAdapters: isNeeded ? [null] : [],
      natHosts: [],
      cacheDirectory: CACHE,
    }),
    expected,
  );
});
