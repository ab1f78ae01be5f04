import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { definitionHash, type ImageDefinition, parseImageDefinition } from '../../../src/model/image-definition';
import type { imageShape } from '../../../src/model/resources/image';
import type { State } from '../../../src/model/resource-shape';
import { run } from '../../../src/process/run';
import { ImageCache } from '../../../src/images/cache';
import { obtainImage } from '../../../src/images/obtain-image';
import { imageResource } from '../../../src/provider/resources/image';
import { recordingContext } from '../../src/provider/resources/support/context';
import { processesMatching } from '../../support/running-fleet';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { Machine } from './machine';
import { AUDIT_TOOLS, auditDisk } from './support/audit';

const REPOSITORY = join(__dirname, '../../..');
const RENDERED = join(REPOSITORY, 'rendered/fleet/haskell');
/** Shared with the other suites: the image of the rendered definition is built once for all. */
const CACHE = join(REPOSITORY, '.cache/acceptance');

jest.setTimeout(15 * 60_000);

let root: string;
let definition: ImageDefinition;

beforeAll(() => {
  root = temporaryDirectory();
  definition = parseImageDefinition(JSON.parse(readFileSync(join(RENDERED, 'definition.json'), 'utf8')));
});

/** A Debian image has no use for these. */
const FOR_PACKER = { downloadDirectory: '', accelerator: undefined };

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

describeWithTools(['mmdebstrap', 'qemu-system-x86_64', ...AUDIT_TOOLS, 'xorriso', 'ssh'], 'a Debian image', () => {
  let image: State<typeof imageShape>;
  const machines: Machine[] = [];

  beforeAll(async () => {
    const resource = imageResource({ fleet: 'test', stateDirectory: null, cacheDirectory: CACHE });
    const computed = { artifactPath: undefined, sha256: undefined, sizeBytes: undefined };
    const declared = {
      name: definition.name,
      definitionHash: definitionHash(definition),
      format: 'qcow2' as const,
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
    const found = await new ImageCache(CACHE).inspect(image.definitionHash, image.format, true);
    if (found.status !== 'present') throw new Error(found.status);
    expect(found.manifest.packages['ghc']).toMatch(/^9\.6\.6-/);
    expect(Object.keys(found.manifest.packages)).toEqual(expect.arrayContaining([...definition.packages].slice(0, 5)));
    expect(Object.keys(found.manifest.releases).join()).toMatch(/_trixie_InRelease/);
    expect(found.manifest.tools['mmdebstrap']).toMatch(/^mmdebstrap \d/);
    expect(found.manifest.sizeBytes).toBe(statSync(image.artifactPath).size);
  });

  test('holds nothing that must stay where it was built, and no sign of the place', async () => {
    const { root: files, findings } = await auditDisk(image.artifactPath, join(root, 'audit'));
    expect(findings).toEqual([]);
    const under = (path: string): string[] => readdirSync(join(files, path), { recursive: true, encoding: 'utf8' });
    expect(readFileSync(join(files, 'etc/debian_version'), 'utf8')).toMatch(/^13/);
    expect(under('run')).toEqual([]);
    expect(under('etc').filter((name) => name.startsWith('sudoers') || name.includes('mmdebstrap'))).toEqual([]);
    expect(readFileSync(join(files, 'etc/hostname'), 'utf8')).toBe('localhost\n');
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

  test('a build that is cancelled, or whose process is killed, leaves nothing that the next one would take or wait for', async () => {
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
    const request = {
      definition,
      assetsDirectory: RENDERED,
      format: 'qcow2' as const,
      ...FOR_PACKER,
      run,
      onWait: () => undefined,
    };
    const cancelled = obtainImage(cache, {
      ...{ ...request, signal: abort.signal },
      progress: (_, detail) => {
        if (detail?.startsWith('extracting') !== true) return;
        noteStage();
        expect(builders()).not.toEqual([]);
        abort.abort();
      },
    });
    await expect(cancelled).rejects.toThrow(/cancelled/);
    expect(builders()).toEqual([]);
    expect(readdirSync(join(cacheDirectory, 'images'))).toEqual([]);

    const program = join(root, 'build.ts');
    writeFileSync(
      program,
      `import { run } from '${REPOSITORY}/src/process/run';
import { ImageCache } from '${REPOSITORY}/src/images/cache';
import { obtainImage } from '${REPOSITORY}/src/images/obtain-image';
import { temporaryDirectory } from '../../support/temporary-directory';
const request = ${JSON.stringify({ definition, assetsDirectory: RENDERED, format: 'qcow2', ...FOR_PACKER })};
const signal = new AbortController().signal;
void obtainImage(new ImageCache('${cacheDirectory}'), { ...request, run, signal, onWait: () => undefined, progress: (_, detail) => {
  if (detail?.startsWith('extracting')) process.kill(process.pid, 'SIGKILL');
} });`,
    );
    await expect(run(process.execPath, ['-r', './scripts/ts-node.cjs', program], { cwd: REPOSITORY })).rejects.toThrow(
      /SIGKILL/,
    );
    noteStage();
    await until('the end of mmdebstrap', 20, () => builders().length === 0);
    expect(await cache.inspect(hash, 'qcow2')).toEqual({ status: 'missing' });
    // The next one takes nothing of it and is not held up by it. That such a build ends well, the suites of faults show.
    const next = new AbortController();
    let leftover = true;
    const building = obtainImage(cache, {
      ...{ ...request, signal: next.signal },
      progress: (_, detail) => {
        if (detail?.startsWith('extracting') !== true) return;
        leftover = existsSync(stage);
        noteStage();
        next.abort();
      },
    });
    await expect(building).rejects.toThrow(/cancelled/);
    expect(leftover).toBe(false);
    expect(readdirSync(images)).toEqual([]);
  });
});
