import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { FleetPaths } from '../../../../src/model/paths';
import type { VmSpec } from '../../../../src/drivers/driver';
import { VirtualBoxDriver } from '../../../../src/drivers/virtualbox/driver';
import {
  firstDeploy,
  formatOwnerTag,
  machineFiles,
  parseOwnerTag,
  SATA_CONTROLLER,
} from '../../../../src/drivers/virtualbox/arguments';
import type { PlannedVm } from '../../../../src/drivers/features';
import { renderVboxmanageScript } from '../../../../src/drivers/virtualbox/script';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { describeWithTools } from '../../../support/tools';
import { FakeVirtualBox } from './fake-virtualbox';

const SIGNAL = new AbortController().signal;
const ID = '5bd7a3f0-0000-5000-8000-000000000001';
const MACHINE = '89c0cbda-f8c1-4e0a-a0f9-ed845a269e83';
const ALPHA: PlannedVm = {
  ...{ name: 'haskell-build-alpha', fleet: 'laptops', imageHash: '0123abcd', cpus: 4, memoryMib: 8192 },
  ...{ mac: '52:54:00:00:00:01', network: 'nat', bridgeAdapter: null },
  imagePath: '~/.cache/buildfleet/images/0123abcd/disk.ova',
  vmDirectory: '~/.local/state/buildfleet/laptops/vms/haskell-build-alpha',
};

let root: string;

beforeEach(() => {
  root = temporaryDirectory();
});

/** Runs a script with a VBoxManage that writes down its argv and knows one VM. */
function execute(script: string, name: string, ...args: string[]): string[][] {
  const [program, log] = [join(root, 'VBoxManage'), join(root, 'log')];
  const recorder = `#!/bin/sh\nif [ "$1" = list ]; then printf '"%s" {%s}\\n' '${name}' ${MACHINE}; exit; fi\nprintf '%s\\0' "$@" >> '${log}'; printf '\\n' >> '${log}'\n`;
  writeFileSync(program, recorder);
  chmodSync(program, 0o755);
  writeFileSync(log, '');
  const env = { ...process.env, PATH: `${root}:${process.env['PATH'] ?? ''}`, HOME: root };
  // A file and not a pipe: writing to the pipe fails where the script ends before it reads.
  writeFileSync(join(root, 'stdin'), '\n');
  const stdin = openSync(join(root, 'stdin'), 'r');
  try {
    execFileSync('bash', ['-c', script, 'vboxmanage.sh', ...args], { env, stdio: [stdin, 'pipe', 'pipe'] });
  } finally {
    closeSync(stdin);
  }
  const calls = readFileSync(log, 'utf8').split('\0\n').slice(0, -1);
  return calls.map((call) => call.split('\0'));
}

test.each([
  ['nat', { network: 'nat', bridgeAdapter: null }, [ID]],
  ['bridged with an adapter', { network: 'bridged', bridgeAdapter: 'eth0' }, [ID]],
  ['bridged without one', { network: 'bridged', bridgeAdapter: null }, [ID, 'eth0']],
] as const)('the script is what the driver runs on a first deploy: %s', async (_name, network, args) => {
  const paths = new FleetPaths(join(root, '.local/state/buildfleet/laptops'));
  const imagePath = join(root, '.cache/buildfleet/images/0123abcd/disk.ova');
  mkdirSync(join(imagePath, '..'), { recursive: true });
  writeFileSync(imagePath, 'appliance');
  const virtualBox = new FakeVirtualBox(MACHINE);
  const driver = new VirtualBoxDriver({ paths, run: virtualBox.run });
  const { name, fleet, imageHash, cpus, memoryMib, mac } = ALPHA;
  const hardware = { cpus, memoryMib, mac, ...network, userNetwork: 'open', relayPort: 12220, isWarm: false } as const;
  const spec: VmSpec = { name, uuid: ID, fleet, imagePath, imageHash, ...hardware };
  await driver.create(spec, SIGNAL);
  writeFileSync(join(paths.vm(name), 'new.iso'), 'seed');
  await driver.attachSeed(spec, join(paths.vm(name), 'new.iso'), SIGNAL);
  await driver.start(spec, SIGNAL);
  await driver.removeSeed(spec, SIGNAL);

  const script = renderVboxmanageScript({ ...ALPHA, ...network });
  expect(execute(script, name, ...args)).toEqual(virtualBox.changes);
  expect(virtualBox.changes.map(([command]) => command)).toEqual(
    'import setextradata modifyvm storagectl storageattach startvm storageattach closemedium'.split(' '),
  );
});

test('the script as reviewers see it: no secret, no path of a machine', () => {
  const script = renderVboxmanageScript({ ...ALPHA, network: 'bridged' });
  expect(script).toMatchSnapshot();
  expect(script).not.toMatch(/\/home\/|\/root\//);
});

describeWithTools(['shellcheck'], 'the script as shellcheck reads it', () => {
  test.each([null, 'en0: Wi-Fi (AirPort)', "it's another"])('has no findings with the adapter %p', (bridgeAdapter) => {
    const script = renderVboxmanageScript({ ...ALPHA, network: 'bridged', bridgeAdapter });
    writeFileSync(join(root, 'script.sh'), script);
    execFileSync('shellcheck', [join(root, 'script.sh')]);
  });
});

test('without its arguments the script runs nothing', () => {
  expect(() => execute(renderVboxmanageScript(ALPHA), ALPHA.name)).toThrow(/usage: vboxmanage.sh ID/);
  expect(readFileSync(join(root, 'log'), 'utf8')).toBe('');
});

test('bash passes every name of an adapter or a directory on unchanged', () => {
  const text = fc.string({ unit: 'grapheme-ascii', minLength: 1 }).map((any) => `x${any}`);
  fc.assert(
    fc.property(text, text, (bridgeAdapter, folder) => {
      const vm: PlannedVm = { ...ALPHA, network: 'bridged', bridgeAdapter, vmDirectory: `~/${folder}/$machine` };
      const { create, configure, start, removeSeed } = firstDeploy({
        ...{ name: vm.name, imagePath: join(root, vm.imagePath.slice(2)), controller: SATA_CONTROLLER },
        ...machineFiles(`${root}/${folder}/$machine`),
        owner: { fleet: vm.fleet, vm: ID, image: vm.imageHash, machine: MACHINE },
        hardware: { ...vm, ...machineFiles(`${root}/${folder}/$machine`) },
      });
      expect(execute(renderVboxmanageScript(vm), vm.name, ID)).toEqual([
        ...create,
        ...configure,
        ...start,
        ...removeSeed,
      ]);
    }),
    { numRuns: 25 },
  );
});

test('an owner tag is read back, and nothing else is taken for one', () => {
  const word = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,40}$/);
  fc.assert(
    fc.property(fc.record({ fleet: word, vm: word, image: word, machine: word }), (tag) => {
      expect(parseOwnerTag(formatOwnerTag(tag))).toEqual(tag);
    }),
  );
  for (const text of ['', 'fleet=a', 'fleet=a vm=b image=c machine=d more', 'vm=b fleet=a image=c machine=d']) {
    expect(parseOwnerTag(text)).toBeUndefined();
  }
});
