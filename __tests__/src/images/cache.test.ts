import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  chmodSync,
} from 'node:fs';
import { join } from 'node:path';
import { claimName } from '../../../src/files/claim-name';
import { run } from '../../../src/process/run';
import { ImageCache, type ObtainOptions } from '../../../src/images/cache';
import { temporaryDirectory } from '../../support/temporary-directory';

const HASH = 'a'.repeat(64);

let root: string;
let cache: ImageCache;
let builds: number;
let conversions: number;

beforeEach(() => {
  root = temporaryDirectory();
  cache = new ImageCache(root);
  builds = 0;
  conversions = 0;
});

function options(changes: Partial<ObtainOptions> = {}): ObtainOptions {
  return {
    run,
    signal: new AbortController().signal,
    onWait: () => undefined,
    builtFormat: 'qcow2',
    convert: (built, work) => {
      conversions += 1;
      writeFileSync(join(work, 'disk.ova'), `ova of ${readFileSync(built, 'utf8')}`);
      return Promise.resolve(join(work, 'disk.ova'));
    },
    build: async (work) => {
      builds += 1;
      await new Promise((done) => setTimeout(done, 20));
      writeFileSync(join(work, 'disk.qcow2'), 'content');
      return { path: join(work, 'disk.qcow2'), packages: { ghc: '9.6.6-4' }, releases: {}, tools: {} };
    },
    ...changes,
  };
}

const entry = (name: string) => join(root, 'images', HASH, name);

/** Changes the content and nothing that a directory listing shows. */
function damage(): void {
  const disk = entry('disk.qcow2');
  spawnSync('touch', ['--reference', disk, join(root, 'date')]);
  chmodSync(disk, 0o644);
  writeFileSync(disk, 'CONTENT');
  spawnSync('touch', ['--reference', join(root, 'date'), disk]);
}

test('an image is built once and then found', async () => {
  expect(await cache.inspect(HASH, 'qcow2')).toEqual({ status: 'missing' });
  const built = await cache.obtain(HASH, 'qcow2', options());
  expect(built.manifest).toMatchObject({ definitionHash: HASH, sizeBytes: 7, packages: { ghc: '9.6.6-4' } });
  expect(built.manifest.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(statSync(built.diskPath).mode & 0o777).toBe(0o444);
  expect(await cache.obtain(HASH, 'qcow2', options())).toEqual(built);
  expect(await cache.inspect(HASH, 'qcow2')).toEqual(built);
  expect(builds).toBe(1);
  expect(readdirSync(join(root, 'images'))).toEqual([HASH]);
});

test('of two processes that want the same image at once, one builds', async () => {
  const waited: number[] = [];
  const both = [cache, new ImageCache(root)].map((each) =>
    each.obtain(HASH, 'qcow2', options({ onWait: (pid) => waited.push(pid) })),
  );
  const [first, second] = await Promise.all(both);
  expect(first).toEqual(second);
  expect(builds).toBe(1);
});

test('a failed build leaves nothing', async () => {
  const build = (work: string) => {
    writeFileSync(join(work, 'disk.qcow2'), 'half');
    return Promise.reject(new Error('no'));
  };
  await expect(cache.obtain(HASH, 'qcow2', options({ build }))).rejects.toThrow('no');
  expect(readdirSync(join(root, 'images'))).toEqual([]);
  expect(await cache.inspect(HASH, 'qcow2')).toEqual({ status: 'missing' });
});

test('what a killed builder left is removed by the next build, what a living one has is not', async () => {
  const dead = spawnSync(
    process.execPath,
    ['-r', './scripts/ts-node.cjs', '-p', "require('./src/files/claim-name').claimName()"],
    {
      encoding: 'utf8',
    },
  ).stdout.trim();
  expect(dead).toMatch(/^\d+-/);
  const living = claimName();
  for (const claim of [dead, living]) {
    mkdirSync(join(root, 'images', `.building-${claim}`, 'stage'), { recursive: true });
    writeFileSync(join(root, 'images', `.building-${claim}`, 'disk.qcow2'), 'half');
  }
  await cache.obtain(HASH, 'qcow2', options());
  expect(readdirSync(join(root, 'images')).sort()).toEqual([`.building-${living}`, HASH].sort());
});

test('a file that looks otherwise is read again, and is as good if its content is', async () => {
  await cache.obtain(HASH, 'qcow2', options());
  copyFileSync(entry('disk.qcow2'), entry('copy'));
  renameSync(entry('copy'), entry('disk.qcow2'));
  expect((await cache.inspect(HASH, 'qcow2')).status).toBe('present');
  await cache.obtain(HASH, 'qcow2', options());
  expect(builds).toBe(1);
  expect(JSON.parse(readFileSync(entry('disk.qcow2.manifest.json'), 'utf8'))).toMatchObject({
    seen: { inode: String(statSync(entry('disk.qcow2')).ino) },
  });
});

test.each<[string, () => void]>([
  [
    'other content',
    () => {
      chmodSync(entry('disk.qcow2'), 0o644);
      writeFileSync(entry('disk.qcow2'), 'CONTENT');
    },
  ],
  [
    'a shorter file',
    () => {
      chmodSync(entry('disk.qcow2'), 0o644);
      writeFileSync(entry('disk.qcow2'), '');
    },
  ],
  [
    'no manifest',
    () => {
      rmSync(entry('disk.qcow2.manifest.json'));
    },
  ],
  [
    'half a manifest',
    () => {
      writeFileSync(entry('disk.qcow2.manifest.json'), '{');
    },
  ],
  [
    'the manifest of another definition',
    () => {
      writeFileSync(
        entry('disk.qcow2.manifest.json'),
        readFileSync(entry('disk.qcow2.manifest.json'), 'utf8').replace(HASH, 'b'.repeat(64)),
      );
    },
  ],
])('%s is seen, and the image is built again', async (_, alter) => {
  await cache.obtain(HASH, 'qcow2', options());
  alter();
  expect(await cache.inspect(HASH, 'qcow2')).toEqual({ status: 'altered' });
  await cache.obtain(HASH, 'qcow2', options());
  expect(builds).toBe(2);
  expect(readFileSync(entry('disk.qcow2'), 'utf8')).toBe('content');
});

test("a newer buildfleet's manifest is refused, and its disk stays", async () => {
  await cache.obtain(HASH, 'qcow2', options());
  const manifest = entry('disk.qcow2.manifest.json');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"formatVersion": 1', '"formatVersion": 2'));
  const refused = { code: 'record-unreadable', place: manifest };
  await expect(cache.inspect(HASH, 'qcow2')).rejects.toMatchObject(refused);
  await expect(cache.obtain(HASH, 'qcow2', options())).rejects.toMatchObject(refused);
  expect(builds).toBe(1);
});

test('damage that a cheap look cannot see is found before the image is used', async () => {
  await cache.obtain(HASH, 'qcow2', options());
  damage();
  expect((await cache.inspect(HASH, 'qcow2')).status).toBe('present');
  expect((await cache.inspect(HASH, 'qcow2', true)).status).toBe('altered');
  await cache.obtain(HASH, 'qcow2', options());
  expect(builds).toBe(2);
});

test('another format is converted from what was built, once', async () => {
  const made = await cache.obtain(HASH, 'ova', options());
  expect(readFileSync(made.diskPath, 'utf8')).toBe('ova of content');
  expect(made.manifest.packages).toEqual({ ghc: '9.6.6-4' });
  expect((await cache.inspect(HASH, 'qcow2')).status).toBe('present');
  expect(await cache.obtain(HASH, 'ova', options())).toEqual(made);
  expect([builds, conversions]).toEqual([1, 1]);

  rmSync(entry('disk.qcow2'));
  expect(await cache.inspect(HASH, 'ova')).toEqual(made);
  expect(await cache.inspect(HASH, 'qcow2')).toEqual({ status: 'missing' });
});

test('a conversion that fails leaves what was built, and nothing else', async () => {
  const convert = (_built: string, work: string) => {
    writeFileSync(join(work, 'disk.ova'), 'half');
    return Promise.reject(new Error('no'));
  };
  await expect(cache.obtain(HASH, 'ova', options({ convert }))).rejects.toThrow('no');
  expect(readdirSync(join(root, 'images'))).toEqual([HASH]);
  expect(readdirSync(join(root, 'images', HASH)).sort()).toEqual(['disk.qcow2', 'disk.qcow2.manifest.json']);
});
