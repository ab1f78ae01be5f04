import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HypervisorDriver, VmSpec } from '../../../src/drivers/driver';
import { QemuDriver } from '../../../src/drivers/qemu/driver';
import * as qemuRecord from '../../../src/drivers/qemu/record';
import { VirtualBoxDriver } from '../../../src/drivers/virtualbox/driver';
import * as virtualBoxRecord from '../../../src/drivers/virtualbox/record';
import { FleetPaths } from '../../../src/model/paths';
import { temporaryDirectory } from '../../support/temporary-directory';
import { FakeVirtualBox } from './virtualbox/fake-virtualbox';

const SIGNAL = new AbortController().signal;

let root: string;
let paths: FleetPaths;
let directory: string;
let spec: VmSpec;
let virtualBox: FakeVirtualBox;

beforeEach(() => {
  root = temporaryDirectory();
  paths = new FleetPaths(join(root, 'state'));
  directory = paths.vm('vm');
  virtualBox = new FakeVirtualBox('89c0cbda-f8c1-4e0a-a0f9-ed845a269e83');
  const imagePath = join(root, 'image');
  writeFileSync(imagePath, 'image');
  spec = {
    ...{ name: 'vm', uuid: '5bd7a3f0-0000-5000-8000-000000000001', fleet: 'ours', imagePath, imageHash: 'hash' },
    ...{ cpus: 1, memoryMib: 128, mac: '52:54:00:00:00:01', network: 'nat', bridgeAdapter: null },
    ...{ userNetwork: 'isolated', relayPort: 12220, isWarm: false },
  };
  mkdirSync(directory, { recursive: true });
  for (const file of ['disk.qcow2', 'console.log', 'seed.iso'])
    writeFileSync(join(directory, file), `content of ${file}`);
});

const drivers = {
  qemu: (): HypervisorDriver =>
    new QemuDriver({
      paths,
      run: (file) => Promise.reject(new Error(`${file} was started`)),
      accelerator: () => Promise.resolve('tcg'),
    }),
  virtualbox: (): HypervisorDriver => new VirtualBoxDriver({ paths, run: virtualBox.run, lockPatience: 0 }),
};
type Kind = keyof typeof drivers;
const kinds = Object.keys(drivers) as Kind[];

function writeRecord(kind: Kind): void {
  if (kind === 'qemu') qemuRecord.writeRecord(directory, spec, 'fingerprint');
  else virtualBoxRecord.writeRecord(directory, spec, null);
}

/** Every method that reads or changes a VM. */
const calls = {
  inspect: (driver) => driver.inspect('vm'),
  list: (driver) => driver.list(),
  create: (driver) => driver.create(spec, SIGNAL),
  update: (driver) => driver.update(spec, SIGNAL),
  attachSeed: (driver) => driver.attachSeed(spec, join(root, 'image'), SIGNAL),
  removeSeed: (driver) => driver.removeSeed(spec, SIGNAL),
  start: (driver) => driver.start(spec, SIGNAL),
  confirmBoot: (driver) => driver.confirmBoot(spec, SIGNAL),
  stop: (driver) => driver.stop(spec, 0, SIGNAL),
  destroy: (driver) => driver.destroy(spec, SIGNAL),
} satisfies Record<string, (driver: HypervisorDriver) => Promise<unknown>>;

/** How a record comes to be unreadable, and what the error says of it. */
const damages: Readonly<Record<string, readonly [problem: string, inflict: () => void]>> = {
  'cut off': [
    'is not JSON',
    () => {
      writeFileSync(record(), readFileSync(record(), 'utf8').slice(0, 40));
    },
  ],
  'of another shape': [
    '(fleet: ',
    () => {
      rewrite({ fleet: 7 });
    },
  ],
  'of a newer version': [
    'has format version 2, and this buildfleet knows 1',
    () => {
      rewrite({ formatVersion: 2 });
    },
  ],
  // A directory, because root may open files that are closed to others.
  'impossible to open': [
    'cannot be opened (EISDIR)',
    () => {
      rmSync(record());
      mkdirSync(record());
    },
  ],
};

function record(): string {
  return join(directory, 'vm.json');
}

function rewrite(change: object): void {
  const content = JSON.parse(readFileSync(record(), 'utf8')) as object;
  writeFileSync(record(), JSON.stringify({ ...content, ...change }));
}

/** Everything in the VM's directory. */
function contents(): Record<string, string> {
  const text = (path: string) => (statSync(path).isDirectory() ? '(directory)' : readFileSync(path, 'utf8'));
  return existsSync(directory)
    ? Object.fromEntries(readdirSync(directory).map((name) => [name, text(join(directory, name))]))
    : {};
}

describe.each(kinds)('a record of %s', (kind) => {
  describe.each(Object.entries(damages))('that is %s', (_damage, [problem, inflict]) => {
    test.each(Object.keys(calls) as (keyof typeof calls)[])('is refused by %s, which changes nothing', async (call) => {
      writeRecord(kind);
      inflict();
      const before = contents();
      const error: unknown = await calls[call](drivers[kind]()).catch((thrown: unknown) => thrown);
      expect(contents()).toEqual(before);
      expect(virtualBox.changes).toEqual([]);
      expect(error).toMatchObject({ code: 'record-unreadable', place: record() });
      expect((error as Error).message).toContain(problem);
    });
  });

  test.each(['create', 'removeSeed', 'stop', 'destroy'] as const)(
    "is another hypervisor's to %s, which changes nothing, and none to inspect",
    async (call) => {
      writeRecord(kind);
      const before = contents();
      const [other] = kinds.filter((candidate) => candidate !== kind);
      const driver = drivers[other ?? kind]();
      expect(await driver.inspect('vm')).toBeNull();
      expect(await driver.list()).toEqual([]);
      await expect(calls[call](driver)).rejects.toMatchObject({ code: 'vm-not-ours' });
      expect(contents()).toEqual(before);
    },
  );
});

test('a record of QEMU from before there were others is read, and written anew by an update', async () => {
  const hardware = { cpus: 1, memoryMib: 128, mac: spec.mac };
  const owner = { name: 'vm', uuid: spec.uuid, fleet: 'ours', imagePath: spec.imagePath, imageHash: 'hash' };
  writeFileSync(record(), JSON.stringify({ formatVersion: 1, ...owner, imageFingerprint: 'print', ...hardware }));
  expect(qemuRecord.readRecord(directory)).toEqual({
    ...{ hypervisor: 'qemu', ...owner, imageFingerprint: 'print', ...hardware },
  });
  expect(virtualBoxRecord.readRecord(directory)).toBeUndefined();
  await drivers.qemu().update({ ...spec, cpus: 2 }, SIGNAL);
  expect(JSON.parse(readFileSync(record(), 'utf8'))).toMatchObject({ formatVersion: 1, hypervisor: 'qemu', cpus: 2 });
});
