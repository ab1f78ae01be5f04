import { closeSync, mkdirSync, openSync, readFileSync, statSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { cutLogs } from '../../../src/files/bounded-logs';
import { CommandError, run } from '../../../src/process/run';
import { consoleTail } from '../../../src/provider/resources/vm/console-tail';
import { temporaryDirectory } from '../../support/temporary-directory';
import { until } from '../../support/until';

const MIB = 1024 * 1024;
/** The limit, and what is written between two looks of the tests. */
const BOUND = 4 * MIB;

let vms: string;
let log: string;

beforeEach(() => {
  vms = temporaryDirectory();
  mkdirSync(join(vms, 'alpha'));
  log = join(vms, 'alpha/console.log');
});

const cut = () => cutLogs(vms, new AbortController().signal);

test('a log that is appended to without end stays small, and its end is whole', async () => {
  const script =
    'exec >>"$0"; for ((i = 1; i < 2000000; i++)); do echo "line $i of a guest that never stops talking"; done';
  const abort = new AbortController();
  const writer = run('bash', ['-c', script, log], { signal: abort.signal }).catch((error: unknown) => {
    if (!(error instanceof CommandError) || !error.cancelled) throw error;
  });
  let written = 0;
  try {
    for (let round = 0; round < 3; round++) {
      await until('3 MiB', 60, () => (statSync(log, { throwIfNoEntry: false })?.size ?? 0) > 3 * MIB, 10);
      written += statSync(log).size;
      await cut();
      expect(statSync(log).size).toBeLessThan(BOUND);
    }
  } finally {
    abort.abort();
    await writer;
  }
  expect(written).toBeGreaterThan(9 * MIB);
  const numbers = readFileSync(log, 'utf8')
    .split('\n')
    .slice(1, -1)
    .map((line) => Number(/^line (\d+) of a guest that never stops talking$/.exec(line)?.[1]));
  expect(numbers.length * 40).toBeGreaterThan(MIB / 2);
  expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + index));
  expect(consoleTail(log, 1)).toEqual([expect.stringMatching(/^line \d+/)]);
});

test('a log that is written at an offset of the program, as by VirtualBox, takes little of the disk', async () => {
  const file = openSync(log, 'w');
  for (let line = 0; line < 10; line++) {
    writeSync(file, `${'x'.repeat(MIB)}\nline ${line}\n`);
    await cut();
    expect(statSync(log).blocks * 512).toBeLessThan(BOUND);
  }
  writeSync(file, 'the last line\n');
  closeSync(file);
  expect(consoleTail(log).at(-1)).toBe('the last line');
});

test('where the file system cannot cut, all of it goes, and the log goes on', async () => {
  const { PATH } = process.env;
  const file = openSync(log, 'a');
  writeSync(file, 'x'.repeat(3 * MIB));
  process.env['PATH'] = '/nowhere';
  try {
    await cut();
  } finally {
    process.env['PATH'] = PATH;
  }
  writeSync(file, 'on it goes\n');
  closeSync(file);
  expect(readFileSync(log, 'utf8')).toBe('on it goes\n');
});

test('nothing else is touched: small logs, other files, links, what is no VM', async () => {
  const large = 'x'.repeat(3 * MIB);
  const elsewhere = join(temporaryDirectory(), 'other.log');
  for (const path of [elsewhere, join(vms, 'stray.log'), join(vms, 'alpha/disk.qcow2')]) writeFileSync(path, large);
  symlinkSync(elsewhere, log);
  writeFileSync(join(vms, 'alpha/qemu.log'), 'short');
  await cut();
  for (const path of [elsewhere, join(vms, 'stray.log'), join(vms, 'alpha/disk.qcow2')]) {
    expect(statSync(path).size).toBe(3 * MIB);
  }
  expect(readFileSync(join(vms, 'alpha/qemu.log'), 'utf8')).toBe('short');
  await cutLogs(join(vms, 'none'), new AbortController().signal);
});
