import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { BuildVm, type BuildVmProps } from '../../constructs/build-vm';
import { ghcup } from '../../constructs/ghcup';
import { HaskellBuildImage } from '../../constructs/haskell-build-image';
import { type LocalVmHostProps, VmHost } from '../../constructs/vm-host';
import { type EmbeddedWorkstationProps, Workstation } from '../../constructs/workstation';
import { Duration } from '../../src/model/duration';
import { Size } from '../../src/model/size';
import { FleetApp } from '../../stacks/fleet-app';
import { FleetStack, type FleetStackProps } from '../../stacks/fleet-stack';
import { temporaryDirectory } from '../support/temporary-directory';

const ROOT = join(__dirname, '../..');

/** Props of one fleet with one VM. */
interface Parts {
  readonly stack?: FleetStackProps;
  readonly workstation?: EmbeddedWorkstationProps;
  readonly host?: Partial<LocalVmHostProps>;
  readonly debian?: Parameters<typeof HaskellBuildImage.debian>[2];
  readonly ubuntu?: Parameters<typeof HaskellBuildImage.ubuntu>[2];
  readonly vm?: Partial<BuildVmProps>;
}

/** A prop that clients need: what is declared, and what `fleet.json` then says where. */
type Carried = readonly [parts: Parts, path: string, value: unknown];

const BRIDGED = { hypervisor: 'virtualbox', network: 'bridged' } as const;
const ADDRESS = { address: '192.168.1.10' };

const CARRIED: Readonly<Record<string, Carried>> = {
  'FleetStack.stateDirectory': [{ stack: { stateDirectory: '/srv/state' } }, 'stateDirectory', '/srv/state'],
  'FleetStack.cacheDirectory': [{ stack: { cacheDirectory: '/srv/cache' } }, 'cacheDirectory', '/srv/cache'],
  'EmbeddedWorkstation.sshdPort': [{ workstation: { sshdPort: 2222 } }, 'workstation.sshdPort', 2222],
  'EmbeddedWorkstation.tunnelPorts': [
    { workstation: { tunnelPorts: { first: 3000, last: 3009 } } },
    'workstation.tunnelPorts',
    { first: 3000, last: 3009 },
  ],
  'EmbeddedWorkstation.hubPort': [{ workstation: { hubPort: 9000 } }, 'hub.url', 'http://127.0.0.1:9000'],
  'EmbeddedWorkstation.developers': [
    { workstation: { developers: ['~/keys/own.pub', '~/keys/other.pub'] } },
    'workstation.developerKey',
    '~/keys/own',
  ],
  'EmbeddedWorkstation.sshConfig': [
    { workstation: { sshConfig: '~/ssh/own' } },
    'workstation.operatorSshConfig',
    '~/ssh/own',
  ],
  'LocalVmHost.hypervisor': [
    { host: { hypervisor: 'virtualbox', network: 'nat' } },
    'hosts.0.hypervisor',
    'virtualbox',
  ],
  'LocalVmHost.network': [{ host: BRIDGED, workstation: ADDRESS }, 'hosts.0.network', 'bridged'],
  'LocalVmHost.bridgeAdapter': [
    { host: { ...BRIDGED, bridgeAdapter: 'eth1' }, workstation: ADDRESS },
    'hosts.0.bridgeAdapter',
    'eth1',
  ],
  'LocalVmHost.userNetwork': [{ host: { userNetwork: 'open' } }, 'hosts.0.userNetwork', 'open'],
  'Image.builder': [{ ubuntu: { builder: 'qemu' } }, 'images.0.buildHypervisor', 'qemu'],
  'Image.ghc': [{ ubuntu: { ghc: '9.10.1' } }, 'images.0.ghcVersions', ['9.10.1', '9.6.6']],
  'Image.secondaryGhc': [{ ubuntu: { secondaryGhc: null } }, 'images.0.ghcVersions', ['9.8.4']],
  'Image.cabal': [{ ubuntu: { cabal: '3.10.3.0' } }, 'images.0.cabalVersion', '3.10.3.0'],
  'BuildVm.host': [{}, 'vms.0.host', 'here'],
  'BuildVm.image': [{}, 'vms.0.image', 'image'],
  'BuildVm.cpus': [{ vm: { cpus: 3 } }, 'vms.0.cpus', 3],
  'BuildVm.memory': [{ vm: { memory: Size.mebibytes(1234) } }, 'vms.0.memoryMib', 1234],
  'BuildVm.tunnelPort': [{ vm: { tunnelPort: 12225 } }, 'vms.0.tunnelPort', 12225],
  'BuildVm.default': [{ vm: { default: true } }, 'vms.0.aliases', ['alpha', 'haskell-build']],
  'BuildVm.heartbeat': [{ vm: { heartbeat: Duration.seconds(120) } }, 'vms.0.heartbeatSeconds', 120],
};

const IN_THE_DEFINITION =
  'says what is in the image; whether a VM has that is told by the hash of the definition, which fleet.json has';

/** Props that no client needs, and why. */
const NOT_CARRIED: Readonly<Record<string, string>> = {
  'FleetStack.nullProvider': 'tells Terraform where a resource type comes from',
  'EmbeddedWorkstation.address': 'is what bridged VMs dial; clients are on the workstation and use 127.0.0.1',
  'EmbeddedWorkstation.hubExpiryDays': 'is what the hub itself does',
  'LocalVmHost.capacity': 'is what synth holds the VMs against; nothing of the host depends on it',
  'LocalVmHost.warmStart': 'is how a deploy starts a VM for the first time',
  'BuildVm.workstation': 'is the one of the fleet, which fleet.json describes',
  'BuildVm.mac': 'is an address on a network that no client uses: VMs are reached through their tunnels',
  'BuildVm.readyTimeout': 'is how long a deploy waits',
  'BuildVm.drainTimeout': 'is how long a deploy waits',
  'BuildVm.smokeTest': 'tells a deploy to run `buildfleet smoke`, which needs no permission otherwise',
  'CapabilityRegistration.workstation': 'is the one of the fleet, which fleet.json describes',
  'SmokeTest.vm': 'is made by BuildVm',
  'TunnelSlot.workstation': 'is the one of the fleet, which fleet.json describes',
  'TunnelSlot.vmName': 'is made by BuildVm',
  'BuildfleetProvider.fleet': 'is made by FleetStack',
  'BuildfleetProvider.stateDirectory': 'is made by FleetStack',
  'BuildfleetProvider.cacheDirectory': 'is made by FleetStack',
  ...Object.fromEntries(
    [
      ...[
        'suite',
        'mirror',
        'snapshot',
        'release',
        'iso',
        'toolchain',
        'indexState',
        'packages',
        'overlays',
        'plugins',
      ],
      ...['disk', 'locale', 'keyboard', 'timezone', 'variables'],
    ].map((prop) => [`Image.${prop}`, IN_THE_DEFINITION]),
  ),
};

/** Every member of every `…Props` interface in a file; the kinds of image count as one construct. */
function propsIn(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  return source.statements
    .filter(ts.isInterfaceDeclaration)
    .filter(({ name }) => name.text.endsWith('Props'))
    .flatMap(({ name, members }) => {
      const construct = name.text.endsWith('ImageProps') ? 'Image' : name.text.replace(/Props$/, '');
      return members.map((member) => `${construct}.${(member.name as ts.Identifier).text}`);
    });
}

function propsOfConstructs(): Set<string> {
  const files = readdirSync(join(ROOT, 'constructs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(ROOT, 'constructs', name));
  return new Set([...files, join(ROOT, 'stacks/fleet-stack.ts')].flatMap(propsIn));
}

/** `fleet.json` of a fleet with these props. */
function fleetFileOf({ stack, workstation, host, debian, ubuntu, vm }: Parts): unknown {
  const directory = temporaryDirectory();
  const app = new FleetApp(directory, { ci: false, outdir: join(directory, 'cdktf.out') });
  const fleet = new FleetStack(app, 'fleet', stack);
  // a VM before it, so that it is no default of its own
  const standard = {
    workstation: Workstation.embedded(fleet, 'workstation', workstation),
    host: VmHost.local(fleet, 'here', { capacity: { cpus: 8, memory: Size.gibibytes(16) }, ...host }),
    image:
      ubuntu === undefined
        ? HaskellBuildImage.debian(fleet, 'image', debian)
        : HaskellBuildImage.ubuntu(fleet, 'image', ubuntu),
  };
  new BuildVm(fleet, 'alpha', { ...standard, ...vm });
  new BuildVm(fleet, 'beta', { ...standard, default: vm?.default !== true });
  app.render();
  return JSON.parse(readFileSync(join(directory, 'rendered/fleet/fleet.json'), 'utf8'));
}

function at(document: unknown, path: string): unknown {
  return path.split('.').reduce((value, key) => (value as Record<string, unknown>)[key], document);
}

test('every prop is in fleet.json, or no client needs it', () => {
  const listed = [...Object.keys(CARRIED), ...Object.keys(NOT_CARRIED)];
  expect(listed.sort()).toEqual([...propsOfConstructs()].sort());
});

test('fleet.json names the GHCs that GHCup brings to a Debian image, the default first', () => {
  const toolchain = ghcup({ ghc: ['9.8.4', '9.6.6'], cabal: '3.12.1.0' });
  const written = fleetFileOf({ debian: { toolchain } });
  expect(at(written, 'images.0')).toMatchObject({ ghcVersions: ['9.8.4', '9.6.6'], cabalVersion: '3.12.1.0' });
  expect(at(written, 'images.0.builder')).toBe('mmdebstrap');
  expect(at(written, 'images.0.definitionHash')).not.toBe(at(fleetFileOf({}), 'images.0.definitionHash'));
});

test.each(Object.entries(CARRIED))('fleet.json says %s', (_, [parts, path, value]) => {
  expect(at(fleetFileOf(parts), path)).toEqual(value);
});

test('fleet.json says something else without the prop', () => {
  const [debian, ubuntu] = [fleetFileOf({}), fleetFileOf({ ubuntu: {} })];
  for (const [parts, path, value] of Object.values(CARRIED)) {
    if (Object.keys(parts).length === 0) continue;
    expect([path, at(parts.ubuntu === undefined ? debian : ubuntu, path)]).not.toEqual([path, value]);
  }
});
