import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { restartFor } from '../../../../src/cli/review/findings/vm-attributes';
import type { AttributeChange } from '../../../../src/cli/review/plan';
import { readPrivateKey } from '../../../../src/provider/services/openssh-key';
import { FleetPaths } from '../../../../src/model/paths';
import type { Planned } from '../../../../src/model/resource-shape';
import { vmShape } from '../../../../src/model/resources/vm';
import { toSnakeCase } from '../../../../src/model/wire-names';
import { vmSeed } from '../../../../src/provider/resources/vm/seed';
import { temporaryDirectory } from '../../../support/temporary-directory';

type Vm = Planned<typeof vmShape>;

let directory: string;
let paths: FleetPaths;
let vm: Vm;

beforeAll(() => {
  directory = temporaryDirectory();
  paths = new FleetPaths(directory);
  const files = paths.identity('haskell-build-alpha');
  mkdirSync(files.directory, { recursive: true });
  const [host, tunnel] = [files.hostKey, files.tunnelKey].map((path) => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path]);
    return readPrivateKey(readFileSync(path, 'utf8'));
  });
  vm = {
    ...{ name: 'haskell-build-alpha', hypervisor: 'qemu', imageHash: 'hash', imagePath: '/disk' },
    identity: { hostFingerprint: host!.fingerprint, tunnelFingerprint: tunnel!.fingerprint },
    ...{
      cpus: 2,
      memoryMib: 2048,
      mac: '52:54:00:00:00:01',
      network: 'nat',
      bridgeAdapter: null,
      userNetwork: null,
      warmStart: null,
      tunnelPort: 12221,
    },
    relay: { host: '10.0.2.2', port: 12220, user: 'tunnel', hostPublicKey: host!.publicKey },
    hub: { url: 'http://127.0.0.1:8000', port: 8000, domain: 'railiance', capabilityType: 'haskell-build-agent' },
    developerPublicKeys: [tunnel!.publicKey],
    ...{ drainTimeoutSeconds: 600, developerKey: '~/.ssh/id_build' },
    ...{ heartbeatSeconds: 30, readyTimeoutSeconds: 600, powerState: undefined, seed: undefined, problem: undefined },
    id: undefined,
  };
});

/** Another value for an attribute, or for one member of it. */
const ANOTHER: Readonly<Record<string, Partial<Vm> | (() => Partial<Vm>)>> = {
  userNetwork: { userNetwork: 'open' },
  warmStart: { warmStart: false },
  tunnelPort: { tunnelPort: 12229 },
  heartbeatSeconds: { heartbeatSeconds: 60 },
  readyTimeoutSeconds: { readyTimeoutSeconds: 900 },
  drainTimeoutSeconds: { drainTimeoutSeconds: 900 },
  developerKey: { developerKey: '~/.ssh/id_other' },
  developerPublicKeys: () => ({ developerPublicKeys: [vm.relay.hostPublicKey] }),
  'relay.host': () => ({ relay: { ...vm.relay, host: '192.168.1.10' } }),
  'relay.port': () => ({ relay: { ...vm.relay, port: 12250 } }),
  'relay.user': () => ({ relay: { ...vm.relay, user: 'other' } }),
  'relay.hostPublicKey': () => ({ relay: { ...vm.relay, hostPublicKey: 'ssh-ed25519 AAAA' } }),
  'hub.url': () => ({ hub: { ...vm.hub, url: 'http://127.0.0.1:9000' } }),
  'hub.port': () => ({ hub: { ...vm.hub, port: 9000 } }),
  'hub.domain': () => ({ hub: { ...vm.hub, domain: 'other' } }),
  'hub.capabilityType': () => ({ hub: { ...vm.hub, capabilityType: 'other' } }),
};

/** What the hypervisor is told, by which a running VM cannot be changed; the provider compares them one by one. */
const HARDWARE = ['cpus', 'memoryMib', 'mac', 'network', 'bridgeAdapter'];

function changeOf(name: string, before: unknown, after: unknown): AttributeChange {
  return { name: toSnakeCase(name), before, after, replaces: false, via: [] };
}

test.each(Object.keys(ANOTHER))('%s restarts a VM exactly when its seed becomes another one', (path) => {
  const given = ANOTHER[path];
  const after = { ...vm, ...(typeof given === 'function' ? given() : given) };
  const isSeedNew = vmSeed(paths, vm).digest !== vmSeed(paths, after).digest;
  const [name] = path.split('.') as [keyof Vm];
  const wire = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).map(([key, member]) => [toSnakeCase(key), member]))
      : value;
  expect(restartFor([changeOf(name, wire(vm[name]), wire(after[name]))])).toBe(isSeedNew ? 'yes' : 'no');
});

test.each(HARDWARE)('%s restarts a VM', (name) => {
  expect(restartFor([changeOf(name, 1, 2)])).toBe('yes');
});

test('a bridged VM that may take any adapter keeps its own', () => {
  expect(restartFor([changeOf('bridgeAdapter', 'eth0', null)])).toBe('no');
});

test('one attribute that restarts is enough, and an unknown one gives no statement', () => {
  expect(restartFor([changeOf('readyTimeoutSeconds', 1, 2), changeOf('cpus', 1, 2)])).toBe('yes');
  expect(restartFor([changeOf('readyTimeoutSeconds', 1, 2), changeOf('colour', 1, 2)])).toBe('unknown');
});

test('every attribute that a change of leaves the VM in place is known', () => {
  const inPlace = Object.entries(vmShape.attributes)
    .filter(([, { kind, replaces }]) => !replaces && kind !== 'computed' && kind !== 'observed')
    .map(([name]) => name)
    // the file of an image that is the same: nothing is said of where it lies
    .filter((name) => name !== 'imagePath');
  const tried = new Set([...HARDWARE, ...Object.keys(ANOTHER).map((path) => path.split('.')[0])]);
  expect(inPlace.filter((name) => !tried.has(name))).toEqual([]);
});
