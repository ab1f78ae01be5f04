import { preflight } from '../../../../src/drivers/qemu/preflight';
import { inIsolatedNetwork } from '../../../../src/drivers/qemu/user-network';
import { type ExpectedFinding, expectFindings } from '../../cli/doctor/expect-findings';
import { type FakeParts, fakeMachine, HOME } from '../../cli/doctor/fake-machine';

const CACHE = `${HOME}/.cache/buildfleet`;
const QEMU_THERE = {
  'qemu-system-x86_64 --version': 'QEMU emulator version 9.2.0 (Debian 1:9.2.0)\n',
  'qemu-img --version': 'qemu-img version 9.2.0\n',
};

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** What an earlier deploy has proven, in this boot unless another one is given. */
const proven = (accelerator: 'kvm' | 'tcg', bootId = 'this boot') => ({
  [BOOT_ID]: 'this boot\n',
  [`${CACHE}/accelerator.json`]: JSON.stringify({ bootId, accelerator, reason: 'a guest reached user space' }),
});

/** What is looked at, whether a host needs it, what there is, and what is found. */
const TABLE: readonly (readonly [string, string, boolean, FakeParts, readonly ExpectedFinding[]])[] = [
  ['qemu', 'qemu', true, { programs: QEMU_THERE }, [['ok', /^9\.2\.0$/]]],
  ['no qemu', 'qemu', true, {}, [['problem', /qemu-system-x86_64 is not/, /apt-get install qemu-system-x86/]]],
  ['no qemu before the first deploy', 'qemu', true, {}, [['problem', /not installed/, /apt-get/]]],
  ['no qemu needed', 'qemu', false, {}, [['note', /not installed/, /apt-get/]]],
  [
    'no qemu-img',
    'qemu',
    true,
    { programs: { 'qemu-system-x86_64 --version': 'QEMU emulator version 9.2.0' } },
    [['problem', /qemu-img is not/, /qemu-utils/]],
  ],
  ['no kvm', 'acceleration', true, {}, [['note', /no \/dev\/kvm/, /firmware/]]],
  [
    'kvm of others',
    'acceleration',
    true,
    { access: { '/dev/kvm': 'denied' } },
    [['warning', /alice may not/, /usermod -aG kvm alice/]],
  ],
  [
    'kvm untried',
    'acceleration',
    true,
    { access: { '/dev/kvm': 'usable' } },
    [['note', /tried when the first VM starts/]],
  ],
  [
    'kvm proven',
    'acceleration',
    true,
    { access: { '/dev/kvm': 'usable' }, files: proven('kvm') },
    [['ok', /KVM has run a guest/]],
  ],
  [
    'kvm that hangs',
    'acceleration',
    true,
    { access: { '/dev/kvm': 'usable' }, files: proven('tcg') },
    [['note', /no guest came up/, /accelerator\.json/]],
  ],
  ['kvm without qemu', 'acceleration', false, {}, []],
  [
    'kvm proven before the last boot',
    'acceleration',
    true,
    { access: { '/dev/kvm': 'usable' }, files: proven('kvm', 'an earlier boot') },
    [['note', /tried when the first VM starts/]],
  ],
];

const HOSTS = {
  isolated: { id: 'local', userNetwork: 'isolated' },
  open: { id: 'other', userNetwork: 'open' },
} as const;
const proof = (isRoot: boolean) =>
  inIsolatedNetwork(
    { ...{ own: [], interface: 'lo', hasOwnResolver: false, relayPort: 12220, resolvConf: '' }, isRoot },
    ['true'],
  ).join(' ');

test.each<readonly [string, readonly (keyof typeof HOSTS)[], FakeParts, readonly ExpectedFinding[]]>([
  ['a namespace', ['isolated'], { programs: { [proof(false)]: '' } }, [['ok', /the relay and no other/]]],
  ['a namespace of root', ['isolated'], { uid: 0, programs: { [proof(true)]: '' } }, [['ok', /the relay/]]],
  ['no pasta', ['isolated'], {}, [['problem', /pasta is not installed/, /apt-get install passt.*'open'/]]],
  [
    'no pasta for root',
    ['isolated'],
    { uid: 0, programs: { [proof(true)]: { fails: 'unshare: failed to execute pasta: No such file or directory' } } },
    [['problem', /pasta is not installed/, /apt-get install passt/]],
  ],
  [
    'no user namespaces',
    ['isolated'],
    {
      programs: {
        [proof(false)]: { fails: 'Failed to send 45 bytes to syslog\nFailed to open tun socket in namespace\n' },
      },
    },
    [['problem', /no network namespace .*: Failed to open tun/, /\/dev\/net\/tun.*'open'/]],
  ],
  ['a host that is left open', ['open'], {}, [['warning', /VMs of other reach every service/, /main\.ts/]]],
  [
    'one of each',
    ['open', 'isolated'],
    { programs: { [proof(false)]: '' } },
    [
      ['warning', /VMs of other/, /main\.ts/],
      ['ok', /the relay/],
    ],
  ],
  ['no host behind NAT', [], {}, []],
])('what VMs reach: %s', async (_name, hosts, parts, expected) => {
  const natHosts = hosts.map((name) => HOSTS[name]);
  const subject = { isNeeded: true, bridgeAdapters: [], natHosts, cacheDirectory: CACHE };
  expectFindings((await preflight['user network']?.(fakeMachine(parts), subject)) ?? [], expected);
});

test.each(TABLE)('%s', async (_name, check, isNeeded, parts, expected) => {
  const look = preflight[check];
  if (look === undefined) throw new Error(`there is no check ${check}`);
  expectFindings(
    await look(fakeMachine(parts), { isNeeded, bridgeAdapters: [], natHosts: [], cacheDirectory: CACHE }),
    expected,
  );
});
