import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { collectImages, listImages } from '../../../../src/cli/image/run';
import type { Context } from '../../../../src/cli/context';
import { imageGcSchema, imageListSchema } from '../../../../src/cli/image/report';
import { openTerminal, type Stream } from '../../../../src/cli/terminal';
import { CommandError, type Run } from '../../../../src/process/run';
import { writeRecord } from '../../../../src/drivers/qemu/record';
import { temporaryDirectory } from '../../../support/temporary-directory';

const RENDERED = join(__dirname, '../../../../rendered/fleet/fleet.json');
const hashOf = (digit: string) => digit.repeat(64);
const [DEPLOYED, OF_RECORD, OF_DISK] = [hashOf('1'), hashOf('2'), hashOf('3')];
const [OPEN, UNUSED] = [hashOf('4'), hashOf('5')];

let home: string;
let cache: string;
let stdout: string;
/** What qemu-img says that each disk lies on. */
let backing: Map<string, string>;

beforeEach(() => {
  home = temporaryDirectory();
  cache = join(home, '.cache/buildfleet');
  stdout = '';
  backing = new Map();
});

const qemuImg: Run = (file, args) => {
  const disk = args.at(-1)!;
  if (!backing.has(disk))
    return Promise.reject(new CommandError('failed', file, '', 'not a qcow2', 1, undefined, false, undefined));
  const info = JSON.stringify({ filename: disk, 'full-backing-filename': backing.get(disk) });
  return Promise.resolve({ stdout: info, stderr: '', exitCode: 0 });
};

function context(options: { json?: boolean; fleet?: string } = {}): Context {
  const out: Stream = { write: (text: string) => (stdout += text) };
  return {
    terminal: openTerminal({ json: options.json ?? false, quiet: true }, {}, out, { write: () => undefined }),
    fleetOption: options.fleet,
    environment: {},
    home,
    run: qemuImg,
    signal: new AbortController().signal,
  };
}

function image(hash: string, minutes = 90): string {
  const directory = join(cache, 'images', hash);
  mkdirSync(directory, { recursive: true });
  const then = Date.now() / 1000 - minutes * 60;
  writeFileSync(join(directory, 'disk.qcow2'), 'x'.repeat(2_000_000));
  utimesSync(join(directory, 'disk.qcow2'), then, then);
  utimesSync(directory, then, then);
  return directory;
}

function state(fleet: string, ...parts: string[]): string {
  return join(home, '.local/state/buildfleet', fleet, ...parts);
}

/** Writes the fleet.json of a fleet whose one image has this hash. */
function deployFleet(fleet: string, hash: string, file = state(fleet, 'fleet.json')): string {
  const description = JSON.parse(readFileSync(RENDERED, 'utf8')) as { images: object[] };
  const stateDirectory = file.startsWith(state(fleet)) ? `~/.local/state/buildfleet/${fleet}` : join(file, '..');
  const images = description.images.map((each) => ({ ...each, definitionHash: hash }));
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, JSON.stringify({ ...description, fleet, stateDirectory, images }));
  return file;
}

/** Makes the directory of a VM with a disk that lies on an image, and perhaps with a record that says so. */
function vm(fleet: string, name: string, hash: string, hasRecord: boolean, vms = state(fleet, 'vms')): string {
  const directory = join(vms, name);
  mkdirSync(directory, { recursive: true });
  const imagePath = join(cache, 'images', hash, 'disk.qcow2');
  if (hasRecord) {
    writeRecord(
      directory,
      {
        ...{ name, uuid: 'd2a0f6a4-8d0f-5c3e-9b1a-3f6d2c1b0a99', fleet, imagePath, imageHash: 'f'.repeat(64), cpus: 2 },
        ...{ memoryMib: 2048, mac: '52:54:00:00:00:01', network: 'nat', bridgeAdapter: null },
        ...{ userNetwork: 'isolated', relayPort: 12220 },
      },
      'fingerprint',
    );
  } else {
    writeFileSync(join(directory, 'disk.qcow2'), '');
    backing.set(join(directory, 'disk.qcow2'), imagePath);
  }
  return directory;
}

const collect = (options: { json?: boolean; fleet?: string; dryRun?: boolean; minAgeMinutes?: number } = {}) =>
  collectImages(context(options), {
    dryRun: options.dryRun ?? false,
    minAgeMinutes: options.minAgeMinutes ?? 60,
  });

const isThere = (hash: string) => existsSync(join(cache, 'images', hash, 'disk.qcow2'));

test('an empty cache is no error', async () => {
  expect(await listImages(context())).toBe(0);
  expect(stdout).toBe('');
  expect(await collect()).toBe(0);
  expect(stdout).toBe('freed 0 MiB\n');
});

test('list shows name, size, age and all users of an image', async () => {
  image(DEPLOYED, 3 * 24 * 60 + 5);
  image(UNUSED, 12);
  deployFleet('fleet', DEPLOYED);
  vm('fleet', 'haskell-build-alpha', DEPLOYED, true);
  await listImages(context());
  expect(stdout).toBe(
    [
      'IMAGE    HASH          FORMATS  SIZE   BUILT   LAST USED  USED BY',
      '?        555555555555  qcow2    2 MiB  12 min  12 min',
      'haskell  111111111111  qcow2    2 MiB  3 d     3 d        fleet, haskell-build-alpha of fleet',
      '',
    ].join('\n'),
  );
});

test('list --json is a document', async () => {
  image(DEPLOYED);
  deployFleet('fleet', DEPLOYED);
  await listImages(context({ json: true }));
  const { images } = imageListSchema.parse(JSON.parse(stdout));
  expect(images).toMatchObject([{ names: ['haskell'], hash: DEPLOYED, formats: ['qcow2'], usedBy: ['fleet'] }]);
});

test('gc keeps what a fleet, a record, a disk without one, or a process uses, and removes the rest', async () => {
  for (const hash of [DEPLOYED, OF_RECORD, OF_DISK, OPEN, UNUSED]) image(hash);
  deployFleet('fleet', DEPLOYED);
  // Its fleet is not described any more.
  vm('gone', 'haskell-build-alpha', OF_RECORD, true);
  vm('gone', 'haskell-build-beta', OF_DISK, false);
  const descriptor = openSync(join(cache, 'images', OPEN, 'disk.qcow2'), 'r');
  // A cache may lie elsewhere.
  renameSync(cache, join(home, 'cache'));
  symlinkSync(join(home, 'cache'), cache);
  try {
    await collect();
  } finally {
    closeSync(descriptor);
  }
  expect([DEPLOYED, OF_RECORD, OF_DISK, OPEN, UNUSED].map(isThere)).toEqual([true, true, true, true, false]);
  expect(stdout.trim().split('\n').sort()).toEqual([
    'freed 2 MiB',
    'kept image 111111111111: used by fleet',
    'kept image 222222222222: used by haskell-build-alpha of gone',
    `kept image 333333333333: used by ${state('gone', 'vms/haskell-build-beta')}`,
    `kept image 444444444444: used by process ${process.pid}`,
    'removed image 555555555555: 2 MiB',
  ]);
});

test('a fleet with a state directory of its own counts when it is named', async () => {
  for (const hash of [DEPLOYED, OF_RECORD, UNUSED]) image(hash);
  const file = deployFleet('elsewhere', DEPLOYED, join(home, 'elsewhere/fleet.json'));
  vm('elsewhere', 'haskell-build-alpha', OF_RECORD, true, join(home, 'elsewhere/vms'));
  await collect({ fleet: file });
  expect([DEPLOYED, OF_RECORD, UNUSED].map(isThere)).toEqual([true, true, false]);
});

describe('where no cache is named', () => {
  const cacheOf = async (fleet?: string) => {
    stdout = '';
    await listImages(context({ json: true, ...(fleet === undefined ? {} : { fleet }) }));
    return imageListSchema.parse(JSON.parse(stdout)).cacheDirectory;
  };
  const deployWithCache = (fleet: string, cacheDirectory: string, file?: string): string => {
    const written = deployFleet(fleet, DEPLOYED, file);
    writeFileSync(written, JSON.stringify({ ...JSON.parse(readFileSync(written, 'utf8')), cacheDirectory }));
    return written;
  };

  test('it is that of the deployed fleets', async () => {
    expect(await cacheOf()).toBe(cache);
    deployWithCache('fleet', '~/images');
    deployWithCache('laptops', '~/images');
    expect(await cacheOf()).toBe(join(home, 'images'));
  });

  test('it is that of the named fleet', async () => {
    deployWithCache('fleet', '~/images');
    const elsewhere = deployWithCache('elsewhere', '/srv/images', join(home, 'elsewhere/fleet.json'));
    expect(await cacheOf(elsewhere)).toBe('/srv/images');
  });

  test('it is the default where fleets do not agree', async () => {
    deployWithCache('fleet', '~/images');
    deployWithCache('laptops', '~/others');
    expect(await cacheOf()).toBe(cache);
  });
});

test('an image that was used a moment ago is kept, unless the operator says otherwise', async () => {
  image(UNUSED, 59);
  await collect();
  expect(stdout).toContain('kept image 555555555555: last used 59 min ago');
  expect(isThere(UNUSED)).toBe(true);
  await collect({ minAgeMinutes: 0 });
  expect(isThere(UNUSED)).toBe(false);
});

test('--dry-run says the same and removes nothing', async () => {
  image(UNUSED);
  const dead = spawnSync(
    process.execPath,
    ['-r', './scripts/ts-node.cjs', '-p', "require('./src/files/claim-name').claimName()"],
    {
      encoding: 'utf8',
    },
  ).stdout.trim();
  const leftover = join(cache, 'images', `.building-${dead}`);
  mkdirSync(leftover);
  writeFileSync(join(leftover, 'disk.qcow2'), 'x'.repeat(3_000_000));
  await collect({ json: true, dryRun: true });
  const would = imageGcSchema.parse(JSON.parse(stdout));
  expect(would.removed.map(({ hash, directory }) => hash ?? directory)).toEqual([leftover, UNUSED]);
  expect(would.freedBytes).toBeGreaterThanOrEqual(5_000_000);
  expect([isThere(UNUSED), existsSync(leftover)]).toEqual([true, true]);
  stdout = '';
  await collect({ json: true });
  expect(imageGcSchema.parse(JSON.parse(stdout))).toEqual({ ...would, dryRun: false });
  expect([isThere(UNUSED), existsSync(leftover)]).toEqual([false, false]);
});

test.each<[string, () => void, string]>([
  [
    'a fleet.json',
    () => {
      deployFleet('fleet', DEPLOYED);
      writeFileSync(state('fleet', 'fleet.json'), '{');
    },
    'fleet-unreadable',
  ],
  [
    'the disk of a VM',
    () => {
      backing.delete(join(vm('fleet', 'haskell-build-alpha', OF_DISK, false), 'disk.qcow2'));
    },
    'disk-unreadable',
  ],
])('gc removes nothing while %s cannot be read', async (_, spoil, code) => {
  image(UNUSED);
  spoil();
  await expect(collect()).rejects.toMatchObject({ code });
  expect(isThere(UNUSED)).toBe(true);
});
