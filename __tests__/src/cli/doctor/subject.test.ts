import { join } from 'node:path';
import { BuildVm } from '../../../../constructs/build-vm';
import { HaskellBuildImage } from '../../../../constructs/haskell-build-image';
import { VmHost } from '../../../../constructs/vm-host';
import { checkCacheDirectory } from '../../../../src/cli/doctor/checks/disk-space';
import { checkSshConfig } from '../../../../src/cli/doctor/checks/ssh-config';
import { checkWslNetworking } from '../../../../src/cli/doctor/checks/wsl';
import { examine } from '../../../../src/cli/doctor/examine';
import { existingImages } from '../../../../src/cli/doctor/images';
import { type Subject, subjectOf } from '../../../../src/cli/doctor/subject';
import { loadFleet } from '../../../../src/cli/fleet-file';
import { Size } from '../../../../src/model/size';
import { renderSshInclude, sshIncludeBlock } from '../../../../src/rendering/ssh-config';
import { insertBlock } from '../../../../src/rendering/managed-block';
import { TestFleet, type TestFleetOptions } from '../../../support/test-fleet';
import { type FakeParts, fakeMachine, HOME } from './fake-machine';

/** What doctor looks at for a fleet with one VM. */
function subject(options: TestFleetOptions, host?: Partial<Parameters<typeof VmHost.local>[2]>): Subject {
  const fleet = new TestFleet(options);
  const other =
    host === undefined
      ? {}
      : {
          host: VmHost.local(fleet.stack, 'other', {
            capacity: { cpus: 4, memory: Size.gibibytes(8) },
            hypervisor: 'virtualbox',
            ...host,
          }),
        };
  new BuildVm(fleet.stack, 'alpha', { ...fleet.standard, ...other });
  fleet.app.render();
  return subjectOf(loadFleet(join(fleet.directory, 'rendered/fleet/fleet.json'), HOME), HOME);
}

/** What one check of doctor finds. */
async function findings(check: string, parts: FakeParts, own: Subject) {
  const report = await examine(fakeMachine(parts), own);
  return report.findings.filter((finding) => finding.check === check);
}

test('a cache that the fleet has elsewhere is looked at, and the default one is not', async () => {
  const own = subject({ stack: { cacheDirectory: '/srv/images' } });
  const [hash = ''] = own.images ?? [];
  const parts: FakeParts = {
    directories: ['/srv/images', `/srv/images/images/${hash}`],
    access: { '/dev/kvm': 'usable' },
    files: {
      '/proc/sys/kernel/random/boot_id': 'this boot\n',
      '/srv/images/accelerator.json': JSON.stringify({ bootId: 'this boot', accelerator: 'tcg', reason: 'it hangs' }),
    },
    freeMebibytes: 2048,
  };
  const machine = fakeMachine(parts);
  expect(checkCacheDirectory(machine, own)).toEqual([
    { level: 'ok', found: '/srv/images, 2.0 GiB free', remedy: null },
  ]);
  expect(existingImages(machine, own)).toBe(true);
  expect((await findings('acceleration', parts, own))[0]?.remedy).toMatch(/rm \/srv\/images\/accelerator\.json$/);
});

test('an ssh configuration that the fleet has elsewhere is looked at', () => {
  const own = subject({ workstation: { sshConfig: '~/ssh/own' } });
  const sshConfig = own.fleet?.sshConfig ?? '';
  const block = insertBlock('', sshIncludeBlock('fleet'), renderSshInclude(sshConfig));
  const files = { [`${HOME}/ssh/own`]: block, [sshConfig]: '' };
  expect(checkSshConfig(fakeMachine({ files }), own)).toEqual([
    { level: 'ok', found: `${HOME}/ssh/own includes the fleet's`, remedy: null },
  ]);
  expect(checkSshConfig(fakeMachine(), own)[0]?.found).toMatch(/^\/home\/alice\/ssh\/own does not include/);
});

test('VirtualBox is needed by an image that is installed with it, until that is built', async () => {
  const fleet = new TestFleet();
  const image = HaskellBuildImage.ubuntu(fleet.stack, 'ubuntu');
  new BuildVm(fleet.stack, 'alpha', { ...fleet.standard, image });
  fleet.app.render();
  const own = subjectOf(loadFleet(join(fleet.directory, 'rendered/fleet/fleet.json'), HOME), HOME);
  const built = { directories: [`${HOME}/.cache/buildfleet/images/${image.definitionHash}`] };
  expect(await findings('virtualbox', {}, own)).toMatchObject([{ level: 'problem' }]);
  expect(await findings('virtualbox', built, own)).toMatchObject([{ level: 'note' }]);
});

const ADAPTER = (name: string) =>
  `Name:            ${name}\nIPAddress:       192.168.1.2\nWireless:        No\nStatus:          Up\nVBoxNetworkName: HostInterfaceNetworking-${name}\n\n`;
const ADAPTERS = ADAPTER('eth0') + ADAPTER('eth1');
const BRIDGED = { workstation: { address: '192.168.1.10' } };

test.each([
  ['the first that is up', {}, [['ok', 'bridged VMs use eth0']]],
  ['the one that the host names', { bridgeAdapter: 'eth1' }, [['ok', 'bridged VMs use eth1']]],
  [
    'none, where the host names one that is not there',
    { bridgeAdapter: 'eth7' },
    [['warning', 'eth7: the host has no such network adapter; it has: eth0, eth1']],
  ],
  ['none, where no VM is bridged', { network: 'nat' as const }, []],
])('the adapter of bridged VMs is %s', async (_, host, expected) => {
  const parts = { programs: { 'VBoxManage list bridgedifs': ADAPTERS } };
  const found = await findings('bridge adapter', parts, subject(BRIDGED, host));
  expect(found.map(({ level, found }) => [level, found])).toEqual(expected);
});

test.each([
  ['bridged' as const, 'warning'],
  ['nat' as const, 'note'],
])('under WSL2 with VirtualBox, VMs on %s make the network a %s', async (network, level) => {
  const machine = fakeMachine({
    files: { '/proc/version': 'Linux version 6.6.87.2-microsoft-standard-WSL2' },
    programs: { 'wslinfo --networking-mode': 'nat\n' },
  });
  expect(await checkWslNetworking(machine, subject(BRIDGED, { network }))).toMatchObject([{ level }]);
});
