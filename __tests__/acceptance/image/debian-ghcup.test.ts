import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ghcup } from '../../../constructs/ghcup';
import { debianImage, debianImagePropsSchema } from '../../../constructs/private/debian-image';
import { imageDefinition } from '../../../src/model/image-definition';
import { run } from '../../../src/process/run';
import { ImageCache } from '../../../src/images/cache';
import { obtainImage } from '../../../src/images/obtain-image';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { Machine } from './machine';
import { GHCUP, LIST, RELEASES_TOOLS, StandInReleases } from './support/ghcup-releases';

const VERSIONS = ['9.8.4', '9.6.6'];

jest.setTimeout(15 * 60_000);

// GHCup and the compilers are stand-ins, served on loopback; mmdebstrap, the packages and the machine are real.
describeWithTools(
  [...RELEASES_TOOLS, 'mmdebstrap', 'qemu-img', 'qemu-system-x86_64', 'xorriso', 'ssh'],
  'a Debian image whose compilers come from a stand-in for GHCup',
  () => {
    const directory = temporaryDirectory();
    const downloadDirectory = join(directory, 'downloads');
    const kept = join(downloadDirectory, 'ghcup');
    const assetsDirectory = join(directory, 'assets');
    let releases: StandInReleases;
    let machine: Machine | undefined;

    beforeAll(async () => {
      mkdirSync(join(directory, 'releases'));
      releases = await StandInReleases.make(join(directory, 'releases'));
      await releases.start();
    });

    afterAll(async () => {
      await machine?.kill();
      await releases.host.stop();
      await releases.remove();
    });

    /** Builds the image. @returns where its disk lies */
    async function build(): Promise<string> {
      const { environment, host, keys } = releases;
      const toolchain = ghcup({
        ghc: VERSIONS,
        cabal: '3.12.1.0',
        program: { version: '9.9.9', sha256: environment['GHCUP_SHA256'] ?? '' },
        mirror: { programs: `${host.url}/ghcup`, list: host.url + LIST, keyserver: host.url, keys: [keys.right] },
      });
      const place = { name: 'haskell', path: 'fleet/haskell', projectDirectory: directory };
      const source = debianImage(
        place,
        debianImagePropsSchema.parse({ toolchain, packages: ['rsync', 'openssh-server'] }),
      );
      for (const { path, content } of source.files) {
        mkdirSync(dirname(join(assetsDirectory, path)), { recursive: true });
        writeFileSync(join(assetsDirectory, path), content);
      }
      const { diskPath } = await obtainImage(new ImageCache(join(directory, 'cache')), {
        ...{ definition: imageDefinition(source.definition), assetsDirectory, downloadDirectory },
        ...{ format: 'qcow2', run, signal: new AbortController().signal, accelerator: undefined },
        onWait: () => undefined,
        progress: () => undefined,
      });
      return diskPath;
    }

    test('has them for developers and for the hub, takes what was downloaded before, and keeps what is new', async () => {
      const archive = releases.host.files.get('/bindist/ghc-9.6.6');
      mkdirSync(kept, { recursive: true });
      writeFileSync(join(kept, 'ghc-9.6.6'), archive ?? '');

      const image = await build();

      expect(releases.host.requests.filter((request) => request.includes('/bindist/'))).toEqual([
        'GET /bindist/ghc-9.8.4',
        'GET /bindist/cabal-3.12.1.0',
      ]);
      expect(readdirSync(kept).sort()).toEqual([
        ...['cabal-3.12.1.0', 'ghc-9.6.6', 'ghc-9.8.4', 'x86_64-linux-ghcup-9.9.9'],
      ]);
      expect(readFileSync(join(kept, 'x86_64-linux-ghcup-9.9.9'))).toEqual(releases.host.files.get(GHCUP));

      machine = new Machine(join(directory, 'machine'), image);
      await machine.boot({ seed: await machine.writeSeed() });
      const asked = 'ghc --numeric-version; ghc-9.6.6 --numeric-version; cabal --numeric-version';
      expect(await machine.ssh(`su - build -c '${asked}'`)).toBe('9.8.4\n9.6.6\n3.12.1.0');
      expect(await machine.ssh('stat -c %U /home/build/.ghcup/ghc/*')).toBe('root\nroot');
      const agent = "import runpy; agent = runpy.run_path('/usr/local/lib/buildfleet/build-agent.py')";
      const find = "print(agent['Toolchain']('/home/build/.ghcup', '/var/lib/dpkg/status').find())";
      expect(await machine.ssh(`python3 -c "${agent}; ${find}"`)).toBe("(['9.8.4', '9.6.6'], ['3.12.1.0'])");
      // of the build and its place nothing is left
      expect(await machine.ssh('readlink /etc/resolv.conf; ls -A /tmp | grep buildfleet || true')).toBe(
        '../run/systemd/resolve/stub-resolv.conf',
      );
      expect(await machine.ssh('ls -d /home/build/.ghcup/cache 2>/dev/null || dpkg -l ghc 2>&1 | tail -1')).toMatch(
        /no packages found/,
      );
      expect(await machine.ssh('systemctl --failed --plain --no-legend')).toBe('');
    });
  },
);
