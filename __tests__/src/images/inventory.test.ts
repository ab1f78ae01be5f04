import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { claimName } from '../../../src/files/claim-name';
import { withLock } from '../../../src/files/lock';
import { run } from '../../../src/process/run';
import { ImageCache } from '../../../src/images/cache';
import { CacheInventory } from '../../../src/images/inventory';
import { temporaryDirectory } from '../../support/temporary-directory';

const [OLD, NEW] = ['a'.repeat(64), 'b'.repeat(64)];
const DAY = 24 * 3600;

let root: string;
let inventory: CacheInventory;
const { signal } = new AbortController();

beforeEach(() => {
  root = temporaryDirectory();
  inventory = new CacheInventory(root);
});

/** Puts an image into the cache that was last used some days ago. */
function image(hash: string, days: number, files = ['disk.qcow2']): string {
  const directory = join(root, 'images', hash);
  mkdirSync(directory, { recursive: true });
  for (const name of [...files, 'manifest.json']) writeFileSync(join(directory, name), 'x'.repeat(5000));
  const then = Date.now() / 1000 - days * DAY;
  for (const name of files) utimesSync(join(directory, name), then, then);
  utimesSync(directory, then, then);
  return directory;
}

function leftover(claim: string): string {
  const directory = join(root, 'images', `.building-${claim}`);
  mkdirSync(join(directory, 'stage'), { recursive: true });
  writeFileSync(join(directory, 'disk.qcow2'), 'x'.repeat(5000));
  return directory;
}

/** The name of a process that has ended. */
function deadClaim(): string {
  return spawnSync(
    process.execPath,
    ['-r', './scripts/ts-node.cjs', '-p', "require('./src/files/claim-name').claimName()"],
    {
      encoding: 'utf8',
    },
  ).stdout.trim();
}

test('an inventory of no cache is empty', () => {
  expect(inventory.entries()).toEqual([]);
  expect(inventory.leftovers()).toEqual([]);
});

test('images are listed with formats, size and dates, the one used last first', () => {
  image(OLD, 30);
  image(NEW, 2, ['disk.qcow2', 'disk.ova']);
  writeFileSync(join(root, 'images', 'something-else'), '');
  expect(inventory.entries().map(({ hash, formats }) => [hash, formats])).toEqual([
    [NEW, ['qcow2', 'ova']],
    [OLD, ['qcow2']],
  ]);
  const [, old] = inventory.entries();
  expect(old!.sizeBytes).toBeGreaterThanOrEqual(10_000);
  expect(Date.now() - old!.usedAt.getTime()).toBeGreaterThan(29 * DAY * 1000);
  // A deploy that looks for an image need not read it.
  utimesSync(join(root, 'images', OLD), new Date(), new Date());
  expect(inventory.entries()[0]!.hash).toBe(OLD);
});

test('an image that the cache has made is listed', async () => {
  const build = (work: string) => {
    writeFileSync(join(work, 'made'), 'x');
    return Promise.resolve({ path: join(work, 'made'), packages: {}, releases: {}, tools: {} });
  };
  const convert = () => Promise.reject(new Error('nothing is converted'));
  await new ImageCache(root).obtain(OLD, 'qcow2', {
    ...{ run, signal, onWait: () => undefined, builtFormat: 'qcow2', build, convert },
  });
  const [entry] = inventory.entries();
  expect(entry).toMatchObject({ hash: OLD, formats: ['qcow2'] });
  expect(Date.now() - entry!.builtAt.getTime()).toBeLessThan(60_000);
  await inventory.remove(entry!, signal);
  expect(await new ImageCache(root).inspect(OLD, 'qcow2')).toMatchObject({ status: 'missing' });
});

test('a removed image leaves nothing', async () => {
  image(OLD, 30);
  const directory = image(NEW, 2);
  expect(await inventory.remove(inventory.entries()[0]!, signal)).toEqual({ done: true });
  expect(existsSync(directory)).toBe(false);
  expect(readdirSync(join(root, 'images'))).toEqual([OLD]);
});

test('an image that a process builds or waits for is not removed, and gc does not wait for it', async () => {
  const directory = image(OLD, 30);
  const [entry] = inventory.entries();
  await withLock(join(root, 'locks', `image-${OLD}`), async () => {
    mkdirSync(join(root, 'locks'), { recursive: true });
    expect(await inventory.remove(entry!, signal)).toEqual({
      done: false,
      reason: `process ${process.pid} builds it or waits for it`,
    });
  });
  expect(readdirSync(directory)).toHaveLength(2);
});

test('an image that was used since it was listed is not removed', async () => {
  const directory = image(OLD, 30);
  const [entry] = inventory.entries();
  utimesSync(directory, new Date(), new Date());
  expect(await inventory.remove(entry!, signal)).toMatchObject({ done: false });
  expect(readdirSync(directory)).toHaveLength(2);
});

test('what a killed builder left is found and removed, what a living one has is not', async () => {
  const [dead, living] = [leftover(deadClaim()), leftover(claimName())];
  expect(inventory.leftovers().map(({ directory }) => directory)).toEqual([dead]);
  const [found] = inventory.leftovers();
  expect(found!.sizeBytes).toBeGreaterThanOrEqual(5000);
  await inventory.removeLeftover(found!, run);
  expect([existsSync(dead), existsSync(living)]).toEqual([false, true]);
});
