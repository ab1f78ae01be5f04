import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Run, run } from '../../../src/process/run';
import { type Verification, verifyImage } from '../../../src/images/verify';
import { findDifference } from '../../../src/images/verify-difference';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools, findProgram } from '../../support/tools';
import { type CachedDebian, cachedDebian } from './cached-image';

jest.setTimeout(20 * 60_000);

const { signal } = new AbortController();
let root: string;

beforeAll(() => {
  root = temporaryDirectory();
});

describeWithTools(['mmdebstrap', 'qemu-img', 'debugfs'], 'verifying the Debian image', () => {
  let image: CachedDebian;

  beforeAll(async () => {
    image = await cachedDebian();
  });

  async function verify(name: string, runTool: Run): Promise<Verification> {
    const cacheDirectory = join(root, name);
    const { definition, assetsDirectory } = image;
    const verification = await verifyImage({
      ...{ definition, assetsDirectory, reference: image, cacheDirectory, run: runTool, signal },
      progress: () => undefined,
    });
    expect(readdirSync(join(cacheDirectory, 'images'))).toEqual([]);
    return verification;
  }

  /** What the build of the first test wrote, before it became a disk. */
  const written = () => join(root, 'written');

  test('another build, by another umask, time zone and home, is the same file', async () => {
    const umask = process.umask(0o077);
    try {
      const elsewhere: Run = async (file, args, options) => {
        const result = await run(file, args, { ...options, env: { HOME: root, LANG: 'de_DE.UTF-8', ...options?.env } });
        const out = options?.env?.['BUILDFLEET_OUT'];
        if (out !== undefined) await run('cp', ['--archive', out, written()]);
        return result;
      };
      expect((await verify('same', elsewhere)).difference).toBeNull();
    } finally {
      process.umask(umask);
    }
  });

  test('what a build takes from its clock is found and named', async () => {
    // A build takes a minute, so its result is taken from the first test, with one file more in its file system.
    const leaking: Run = async (file, args, options) => {
      const out = options?.env?.['BUILDFLEET_OUT'];
      if (out === undefined) return run(file, args, options);
      await run('cp', ['--archive', `${written()}/.`, out]);
      writeFileSync(join(root, 'clock'), String(Date.now()));
      return run('debugfs', ['-w', '-R', 'write clock etc/built-at', `${join(out, 'disk.raw')}?offset=1048576`], {
        cwd: root,
      });
    };
    const { difference, comparedWith } = await verify('different', leaking);
    const what = comparedWith === 'cache' ? 'is only in the second build' : 'has other content';
    expect(difference).toEqual({ path: '/etc/built-at', what });
  });
});

describeWithTools(['mke2fs', 'qemu-img', 'debugfs'], 'the first difference of two disks', () => {
  /** A disk as the builder makes it: a file system at 1 MiB with what the script puts into its tree. */
  async function disk(name: string, script: string): Promise<string> {
    const [tree, raw, path] = [join(root, `${name}-tree`), join(root, `${name}.raw`), join(root, `${name}.qcow2`)];
    const uuid = '5bd7a3f0-0000-4000-8000-000000000001';
    await run('sh', [
      '-ec',
      `mkdir -p "$1/etc/a" "$1/usr" && cd "$1" && echo one >etc/a/file && echo two >etc/b && ln -s b etc/link && chmod 0644 etc/b
${script}
find . -exec touch --no-dereference --date @1600000000 {} +
truncate -s 16M "$2"
${name.startsWith('dated') ? 'touch --date @1500000000 etc/b' : ''}`,
      ...['sh', tree, raw],
    ]);
    const shape = ['-U', uuid, '-E', `hash_seed=${uuid},offset=1048576`];
    await run(findProgram('mke2fs')!, ['-q', '-F', '-t', 'ext4', ...shape, '-d', tree, raw, '8M'], {
      env: { E2FSPROGS_FAKE_TIME: '1600000000' },
    });
    if (name.startsWith('boot'))
      await run('sh', ['-ec', 'printf x | dd of="$1" bs=1 seek=512 conv=notrunc', 'sh', raw]);
    await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, path]);
    return path;
  }

  test.each([
    ['missing', 'rm etc/b', '/etc/b', 'is only in the first build'],
    ['added', 'touch etc/a/new', '/etc/a/new', 'is only in the second build'],
    ['other', 'echo six >etc/b', '/etc/b', 'has other content'],
    ['longer', 'echo longer >etc/b', '/etc/b', 'has 4 bytes in the first build and 7 in the second'],
    ['linked', 'ln -snf a etc/link', '/etc/link', 'leads to b in the first build and to a in the second'],
    ['kind', 'rm etc/b && mkdir etc/b', '/etc/b', 'is of another kind'],
    ['mode', 'chmod 0600 etc/b', '/etc/b', 'has mode 0644 in the first build and 0600 in the second'],
    [
      'dated',
      '',
      '/etc/b',
      'is dated 2020-09-13T12:26:40.000Z in the first build and 2017-07-14T02:40:00.000Z in the second',
    ],
    // content before dates and modes, wherever it lies
    ['dated-and-other', 'chmod 0600 etc/a/file && echo x >usr/z', '/usr/z', 'is only in the second build'],
  ])('%s', async (name, script, path, what) => {
    const disks = [await disk(`first-${name}`, ''), await disk(name, script)] as const;
    expect(await findDifference({ disks, workDirectory: root, run, signal })).toEqual({ path, what });
  });

  test('what is in no file is told by its place', async () => {
    const disks = [await disk('first-boot', ''), await disk('boot', '')] as const;
    const found = await findDifference({ disks, workDirectory: root, run, signal });
    expect(found).toEqual({ path: null, what: 'the boot sectors differ at byte 512 of the disk' });
  });
});
