import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  canonicalJson,
  definitionHash,
  type ImageDefinition,
  parseImageDefinition,
} from '../../../model/image-definition';
import type { imageShape } from '../../../model/resources/image';
import type { State } from '../../../model/resource-shape';
import { run } from '../../../process/run';
import { ImageCache } from '../../../provider/images/cache';
import { buildDebianImage } from '../../../provider/images/debian-image';
import { imageResource } from '../../../provider/resources/image';
import { recordingContext } from '../../provider/resources/support/context';
import { processesMatching } from '../support/running-fleet';
import { describeWithTools } from '../support/tools';
import { until } from '../support/until';
import { Machine } from './machine';

const REPOSITORY = join(__dirname, '../../..');
const RENDERED = join(REPOSITORY, 'rendered/fleet/haskell');
/** Shared with the other suites: the image of the rendered definition is built once for all. */
const CACHE = join(REPOSITORY, '.cache/acceptance');

jest.setTimeout(15 * 60_000);

let root: string;
let definition: ImageDefinition;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'buildfleet-image-'));
  definition = parseImageDefinition(JSON.parse(readFileSync(join(RENDERED, 'definition.json'), 'utf8')));
});

afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

describeWithTools(['shellcheck'], "the image's scripts", () => {
  test('pass shellcheck', async () => {
    const hooks = readdirSync(join(REPOSITORY, 'assets/debian/hooks')).map((name) =>
      join(REPOSITORY, 'assets/debian/hooks', name),
    );
    const scripts = ['install-haskell.sh', 'generalize.sh'].map((name) =>
      join(REPOSITORY, 'assets/haskell/scripts', name),
    );
    await run('shellcheck', [...hooks, ...scripts]);
    await run('shellcheck', ['--shell=dash', join(REPOSITORY, 'assets/debian/files/reproducible-initrd')]);
  });
});

describeWithTools(
  ['mmdebstrap', 'qemu-img', 'qemu-system-x86_64', 'debugfs', 'xorriso', 'ssh'],
  'a Debian image',
  () => {
    let image: State<typeof imageShape>;
    const machines: Machine[] = [];

    beforeAll(async () => {
      const resource = imageResource({ fleet: null, stateDirectory: null, cacheDirectory: CACHE });
      const computed = { artifactPath: undefined, sha256: undefined, sizeBytes: undefined };
      const declared = {
        name: definition.name,
        definitionHash: definitionHash(definition),
        status: 'present' as const,
      };
      const definitionFile = join(RENDERED, 'definition.json');
      image = await resource.create({ ...declared, ...computed, definitionFile }, recordingContext());
    });

    afterEach(async () => {
      for (const machine of machines.splice(0)) await machine.kill();
    });

    function machine(name: string): Machine {
      const made = new Machine(join(root, name), image.artifactPath);
      machines.push(made);
      return made;
    }

    test('its manifest says what was resolved', async () => {
      const found = await new ImageCache(CACHE).inspect(image.definitionHash, true);
      if (found.status !== 'present') throw new Error(found.status);
      expect(found.manifest.packages['ghc']).toMatch(/^9\.6\.6-/);
      expect(Object.keys(found.manifest.packages)).toEqual(
        expect.arrayContaining([...definition.packages].slice(0, 5)),
      );
      expect(Object.keys(found.manifest.releases).join()).toMatch(/_trixie_InRelease/);
      expect(found.manifest.tools['mmdebstrap']).toMatch(/^mmdebstrap \d/);
      expect(found.manifest.sizeBytes).toBe(statSync(image.artifactPath).size);
    });

    describe('holds no', () => {
      let files: string;

      beforeAll(async () => {
        const raw = join(root, 'image.raw');
        files = join(root, 'files');
        mkdirSync(files);
        await run('qemu-img', ['convert', '-O', 'raw', image.artifactPath, raw]);
        for (const directory of ['etc', 'root', 'home', 'build', 'var', 'boot', 'tmp', 'run']) {
          await run('debugfs', ['-R', `rdump /${directory} ${files}`, `${raw}?offset=1048576`]);
        }
        rmSync(raw);
        // debugfs says nothing when it fails
        expect(readFileSync(join(files, 'etc/debian_version'), 'utf8')).toMatch(/^13/);
      });

      const under = (path: string): string[] => readdirSync(join(files, path), { recursive: true, encoding: 'utf8' });

      test('host key', () => {
        expect(under('etc/ssh').filter((name) => name.includes('host_'))).toEqual([]);
      });

      test('machine id', () => {
        expect(readFileSync(join(files, 'etc/machine-id'), 'utf8')).toBe('');
      });

      test('password', () => {
        const accounts = readFileSync(join(files, 'etc/shadow'), 'utf8').trim().split('\n');
        expect(accounts.length).toBeGreaterThan(15);
        for (const account of accounts) expect(account.split(':')[1]).toMatch(/^[!*]+$/);
        expect(under('etc').filter((name) => /^(passwd|shadow|group|gshadow)-$/.test(name))).toEqual([]);
      });

      test('seed, and no trace of cloud-init having run', () => {
        expect(under('var/lib/cloud')).toEqual([]);
      });

      test('private key, in whatever file', async () => {
        for (const name of ['etc', 'root', 'home', 'build', 'var', 'boot', 'tmp', 'run'].flatMap((part) =>
          under(part).map((each) => join(part, each)),
        )) {
          const path = join(files, name);
          if (!statSync(path, { throwIfNoEntry: false })?.isFile()) continue;
          let before = '';
          for await (const chunk of createReadStream(path, 'latin1') as AsyncIterable<string>) {
            // The key's begin after the marker; programs that read keys have the marker alone.
            if (/-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/]{40}/.test(before + chunk))
              throw new Error(`${name} holds a private key`);
            before = chunk.slice(-200);
          }
        }
      });

      test('random seed, history, package lists, sudo for anybody, or sign of where it was built', () => {
        expect(under('var/lib/systemd')).not.toContain('random-seed');
        expect([...under('root'), ...under('home')].filter((name) => name.includes('history'))).toEqual([]);
        expect(under('var/lib/apt/lists').filter((name) => name !== 'partial' && name !== 'auxfiles')).toEqual([]);
        expect(under('etc').filter((name) => name.startsWith('sudoers'))).toEqual([]);
        expect([...under('tmp'), ...under('run')]).toEqual([]);
        expect(readFileSync(join(files, 'etc/hostname'), 'utf8')).toBe('localhost\n');
        expect(under('etc').filter((name) => name.includes('mmdebstrap'))).toEqual([]);
      });
    });

    test('boots by itself, without a seed, up to sshd', async () => {
      const plain = machine('plain');
      expect(await plain.boot()).toMatch(/^SSH-2\.0-OpenSSH/);
      expect(plain.serial()).not.toContain('Failed');
    });

    test('boots from AHCI with its seed on a CD, is what was declared, and survives a new initrd and the loss of the seed', async () => {
      const seeded = machine('seeded');
      const seed = await seeded.writeSeed();
      await seeded.boot({ seed, bus: 'ahci' });

      expect(await seeded.ssh('cloud-init status --wait')).toBe('status: done');
      expect(await seeded.ssh('systemctl --failed --plain --no-legend')).toBe('');
      expect(
        await seeded.ssh(
          'su - build -c ". ~/.ghcup/env && ghc --numeric-version && cabal --numeric-version && echo $LANG"',
        ),
      ).toBe(`${definition.toolchain.ghc}\n${definition.toolchain.cabal}\n${definition.locale}`);
      expect(await seeded.ssh('locale 2>&1 | grep -c "Cannot set" || true')).toBe('0');
      expect(await seeded.ssh('readlink /etc/localtime')).toContain(definition.timezone);
      expect(await seeded.ssh('stat -c %U:%u /build && hostname')).toBe('build:1000\nunder-test');
      expect(await seeded.ssh('dpkg --audit')).toBe('');
      // It warns if its cache is older than what it was made from.
      expect(await seeded.ssh('ghc-pkg list 2>&1 | grep -ci warning || true')).toBe('0');
      // mke2fs left nothing for the guest to finish or to repair
      expect(await seeded.ssh('dumpe2fs -h /dev/sda1 2>/dev/null | grep "Filesystem state"')).toMatch(/clean$/);
      // A Python that finds its caches stale compiles every module at every boot.
      const stale = `import pathlib, struct
for source in pathlib.Path('/usr/lib/python3/dist-packages/cloudinit').rglob('*.py'):
    cache = source.parent / '__pycache__' / (source.stem + '.cpython-313.pyc')
    flags, modified = struct.unpack('<II', cache.read_bytes()[4:12])
    if flags or modified != int(source.stat().st_mtime): print(source)`;
      expect(await seeded.ssh(`python3 -c "${stale}"`)).toBe('');

      const identity = 'cat /etc/machine-id /var/lib/cloud/data/instance-id /etc/ssh/ssh_host_ed25519_key.pub';
      const before = await seeded.ssh(identity);
      expect(before).toContain('test-1');
      // What an upgrade of the kernel does: Debian's hooks make a new initrd, and the links in / lead to it.
      await seeded.ssh(
        'rm /boot/initrd.img-* && linux-version list | xargs -I{} dpkg-reconfigure -fnoninteractive linux-image-{}',
      );
      await seeded.powerOff();

      await seeded.boot();
      // ssh itself checks that the host key is still the seed's.
      expect(await seeded.ssh(identity)).toBe(before);
      expect(await seeded.ssh('systemctl is-enabled apt-daily.timer || true')).toBe('masked');
    });

    test('a build that is cancelled, or whose process is killed, leaves nothing, and the next one succeeds', async () => {
      const cacheDirectory = join(root, 'cache');
      const cache = new ImageCache(cacheDirectory);
      const hash = definitionHash(definition);
      const images = join(cacheDirectory, 'images');
      let stage = '';
      /** Where the build under way unpacks, which is in the argv of everything it runs. */
      const noteStage = () => {
        const [work] = readdirSync(images).filter((name) => name.startsWith('.building-'));
        const note = join(images, work!, 'stage-path');
        stage = existsSync(note) ? readFileSync(note, 'utf8') : join(images, work!, 'stage');
        expect(existsSync(stage)).toBe(true);
      };
      const builders = () => processesMatching((argv) => argv.some((word) => word.includes(stage)));

      const abort = new AbortController();
      const cancelled = cache.obtain(hash, {
        ...{ run, signal: abort.signal, onWait: () => undefined },
        build: (workDirectory) =>
          buildDebianImage({
            ...{ definition, assetsDirectory: RENDERED, workDirectory, run, signal: abort.signal },
            progress: (_, detail) => {
              if (detail?.startsWith('extracting') !== true) return;
              noteStage();
              expect(builders()).not.toEqual([]);
              abort.abort();
            },
          }),
      });
      await expect(cancelled).rejects.toThrow(/cancelled/);
      expect(builders()).toEqual([]);
      expect(readdirSync(join(cacheDirectory, 'images'))).toEqual([]);

      const program = join(root, 'build.ts');
      writeFileSync(
        program,
        `import { run } from '${REPOSITORY}/process/run';
import { ImageCache } from '${REPOSITORY}/provider/images/cache';
import { buildDebianImage } from '${REPOSITORY}/provider/images/debian-image';
const definition = ${JSON.stringify(definition)};
const signal = new AbortController().signal;
void new ImageCache('${cacheDirectory}').obtain('${hash}', { run, signal, onWait: () => undefined, build: (workDirectory) =>
  buildDebianImage({ definition, assetsDirectory: '${RENDERED}', workDirectory, run, signal, progress: (_, detail) => {
    if (detail?.startsWith('extracting')) process.kill(process.pid, 'SIGKILL');
  } }) });`,
      );
      await expect(run(process.execPath, ['-r', 'ts-node/register', program], { cwd: REPOSITORY })).rejects.toThrow(
        /SIGKILL/,
      );
      noteStage();
      await until('the end of mmdebstrap', 20, () => builders().length === 0);
      expect(await cache.inspect(hash)).toEqual({ status: 'missing' });
      const { manifest } = await cache.obtain(hash, {
        ...{ run, signal: new AbortController().signal, onWait: () => undefined },
        build: (workDirectory) =>
          buildDebianImage({
            ...{ definition, assetsDirectory: RENDERED, workDirectory, run, signal: new AbortController().signal },
            progress: () => undefined,
          }),
      });
      expect(readdirSync(images)).toEqual([hash]);
      expect(existsSync(stage)).toBe(false);

      const first = await new ImageCache(CACHE).inspect(hash);
      if (first.status !== 'present') throw new Error(first.status);
      // The same packages make the same disk, bit by bit; the archive may have moved on since the first was built.
      if (canonicalJson(first.manifest.packages) === canonicalJson(manifest.packages)) {
        expect(manifest.sha256).toBe(first.manifest.sha256);
      }
    });
  },
);
