import { existsSync, mkdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  findSnapshot,
  hasSnapshots,
  snapshotDirectory,
  type SnapshotSubject,
  templateMachine,
  writeSnapshotRecord,
} from '../../../../../src/drivers/qemu/snapshot/snapshot';
import { qemuArguments, readQemuArguments } from '../../../../../src/drivers/qemu/arguments';
import { temporaryDirectory } from '../../../../support/temporary-directory';

let subject: SnapshotSubject;

beforeEach(() => {
  const directory = temporaryDirectory();
  const imagePath = join(directory, 'disk.qcow2');
  writeFileSync(imagePath, 'image');
  subject = {
    ...{ imagePath, imageHash: 'hash', cpus: 2, memoryMib: 2048, accelerator: 'tcg' },
    qemuVersion: 'QEMU emulator version 7.2.22',
  };
});

/** Files of a snapshot, as large as a test can have them. */
function makeFiles(): string {
  const directory = snapshotDirectory(subject);
  mkdirSync(directory);
  writeFileSync(join(directory, 'ram.bin'), Buffer.alloc(1024 * 1024, 'm'));
  writeFileSync(join(directory, 'state.bin'), Buffer.alloc(4096, 's'));
  writeFileSync(join(directory, 'disk.qcow2'), Buffer.alloc(4096, 'd'));
  return directory;
}

describe('a snapshot', () => {
  test('is found as it was written, beside its image', () => {
    expect(hasSnapshots(subject.imagePath)).toBe(false);
    expect(findSnapshot(subject)).toEqual({ missing: 'there is no snapshot' });
    const directory = makeFiles();
    writeSnapshotRecord(directory, subject);
    expect(findSnapshot(subject)).toMatchObject({ directory, memoryPath: join(directory, 'ram.bin') });
    expect(hasSnapshots(subject.imagePath)).toBe(true);
  });

  test('is none without its record, which comes last', () => {
    makeFiles();
    expect(findSnapshot(subject)).toEqual({ missing: 'its record is absent' });
  });

  test.each(['ram.bin', 'state.bin', 'disk.qcow2'])('is not used when %s is cut short, changed or gone', (name) => {
    const directory = makeFiles();
    const path = join(directory, name);
    for (const damage of [
      () => {
        truncateSync(path, 100);
      },
      () => {
        writeFileSync(path, 'another');
      },
      () => {
        rmSync(path);
      },
    ]) {
      rmSync(directory, { recursive: true });
      makeFiles();
      writeSnapshotRecord(directory, subject);
      damage();
      expect(findSnapshot(subject)).toEqual({ missing: `${path} is damaged` });
    }
  });

  const others: readonly (readonly [string, () => Partial<SnapshotSubject>])[] = [
    ['CPUs', () => ({ cpus: 1 })],
    ['memory', () => ({ memoryMib: 1024 })],
    ['accelerator', () => ({ accelerator: 'kvm' })],
    ['version of QEMU', () => ({ qemuVersion: 'QEMU emulator version 8.2.0' })],
    ['definition', () => ({ imageHash: 'other' })],
  ];
  test.each(others)('is of no machine with another %s', (_what, change) => {
    writeSnapshotRecord(makeFiles(), subject);
    expect(existsSync(snapshotDirectory({ ...subject, ...change() }))).toBe(false);
  });

  test('is of no image that was built again with other bytes', () => {
    const before = snapshotDirectory(subject);
    writeFileSync(subject.imagePath, 'built again');
    utimesSync(subject.imagePath, 1, 1);
    expect(snapshotDirectory(subject)).not.toBe(before);
  });
});

describe('the machine that is saved, and one that is resumed', () => {
  const resumed = () =>
    qemuArguments({
      ...templateMachine(subject, '/snapshot'),
      ...{ name: 'alpha', uuid: 'd2a0f6a4-8d0f-5c3e-9b1a-3f6d2c1b0a99', fleet: 'fleet', diskPath: '/vm/disk.qcow2' },
      ...{ seedPath: '/vm/seed.iso', mac: '52:54:00:00:00:09', userNetwork: 'isolated' },
      snapshot: { role: 'resumed', memoryPath: '/snapshot/ram.bin' },
    });
  const devices = (argv: readonly string[]) =>
    argv.flatMap((word, index) =>
      argv[index - 1] === '-device' ? [word.replace(/mac=[^,]*/, 'mac=').replace(',drive=seed', '')] : [],
    );

  test('have the same devices in the same order', () => {
    const template = qemuArguments(templateMachine(subject, '/snapshot'));
    expect(devices(resumed())).toEqual(devices(template));
    expect(devices(template)).toContain('vmgenid,guid=auto');
  });

  test('write their memory to the file, and to a copy', () => {
    expect(qemuArguments(templateMachine(subject, '/snapshot')).join(' ')).toContain('ram.bin,share=on');
    expect(resumed().join(' ')).toContain('mem-path=/snapshot/ram.bin,share=off');
  });

  test('are known by their arguments', () => {
    expect(readQemuArguments(['qemu-system-x86_64', ...resumed()])).toMatchObject({
      ...{ name: 'alpha', fleet: 'fleet', seedPath: '/vm/seed.iso', cpus: 2, memoryMib: 2048 },
    });
  });
});
