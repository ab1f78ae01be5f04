import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { Chroot, CHROOT_TOOLS } from './support/chroot';
import type { DownloadHost } from './support/download-host';
import {
  fakeGhcup,
  GHCUP,
  INDEX,
  LIST,
  RELEASES_TOOLS,
  StandInReleases,
  standInTool as tool,
} from './support/ghcup-releases';

const SCRIPTS = join(__dirname, '../../../assets/haskell/scripts');
const SUPPORT = join(__dirname, 'support');
const VERSIONS = { GHC_PRIMARY_VERSION: '9.8.4', GHC_SECONDARY_VERSION: '9.6.6', CABAL_VERSION: '3.12.1.0' };

jest.setTimeout(10 * 60_000);

describeWithTools(['shellcheck'], 'the stand-ins', () => {
  test('pass shellcheck', async () => {
    await run(
      'shellcheck',
      ['fake-ghcup', 'fake-ghc', 'fake-cabal'].map((name) => join(SUPPORT, name)),
    );
  });
});

// GHCup itself is not run: its place takes fake-ghcup, which asks the real gpg as GHCup does. Everything else is real.
describeWithTools([...CHROOT_TOOLS, ...RELEASES_TOOLS], 'install-haskell.sh with a stand-in for GHCup', () => {
  let directory: string;
  let chroot: Chroot;
  let releases: StandInReleases;
  let host: DownloadHost;

  beforeAll(async () => {
    directory = temporaryDirectory();
    chroot = await Chroot.make(join(directory, 'root'));
    await chroot.sh('mkdir /scripts /untouched && cp -a /etc/passwd /etc/group /etc/shadow /etc/gshadow /untouched');
    const script = readFileSync(join(SCRIPTS, 'install-haskell.sh'), 'utf8');
    await chroot.run(['tee', '/scripts/install-haskell.sh'], { input: script });
    await chroot.sh('chmod 0755 /scripts/*');
    releases = await StandInReleases.make(directory);
  });

  afterAll(async () => {
    await releases.remove();
    await chroot.remove();
  });

  beforeEach(async () => {
    await chroot.sh('rm -rf /home/build /build /tmp/prove-ghc.* && cp -a /untouched/* /etc/');
    host = await releases.start();
  });

  afterEach(async () => {
    await host.stop();
  });

  async function install(env: Record<string, string> = {}): Promise<string> {
    const { stdout, stderr } = await chroot.run(['/scripts/install-haskell.sh'], {
      env: {
        ...{ TOOLCHAIN: 'ghcup', ...VERSIONS, SECRET_OF_THE_BUILD: 'x' },
        ...{ ...releases.environment, HACKAGE_TIMEOUT: '60', ...env },
      },
    });
    return stdout + stderr;
  }

  /** Each file that the account has, and those of the accounts, with time and content. */
  async function everything(): Promise<string> {
    return await chroot.sh(
      'find /home/build /build /etc/passwd /etc/shadow /etc/group -printf "%p %m %u %T@ %l\\n" | sort; ' +
        'find /home/build -type f -exec sha256sum {} + | sort',
    );
  }

  async function asBuild(command: string): Promise<string> {
    return await chroot.sh(`su - build -c ${JSON.stringify(command)}`);
  }

  test('brings both compilers and cabal to build, and a second run changes and downloads nothing', async () => {
    const said = await install();
    expect(said).toContain('GHC 9.8.4 works');
    expect(said).toContain('GHC 9.6.6 works');

    expect(await asBuild('. ~/.ghcup/env; ghc --numeric-version; ghc-9.6.6 --numeric-version')).toBe('9.8.4\n9.6.6');
    expect(await chroot.sh('sh -c "HOME=/home/build; . ~build/.ghcup/env; cabal --numeric-version"')).toBe('3.12.1.0');
    expect(await asBuild('ls ~/.ghcup/bin')).toBe(
      ['cabal', 'cabal-3.12.1.0', 'ghc', 'ghc-9.6.6', 'ghc-9.8.4', 'ghcup'].join('\n'),
    );
    expect(await asBuild('cat ~/.ghcup/config.yaml')).toBe('gpg-setting: GPGStrict');
    expect(await asBuild('cat ~/.cabal/packages/01-index.tar')).toBe('index');
    expect(await chroot.sh('find /tmp -mindepth 1; ls -d ~/.ghcup || true')).toBe('');
    expect(await chroot.sh('find /home/build ! -user root ! -user build; stat -c "%U:%G %a" /home/build')).toBe(
      'root:build 1770',
    );
    expect(await chroot.sh('passwd --status build | cut -d" " -f1-2; id -nG build; id -u build')).toBe(
      'build L\nbuild\n1000',
    );

    const calls = (await asBuild('cat ~/.ghcup/fake-ghcup.log')).split('\n');
    expect(calls.map((call) => call.split(/ \(|: /)[0])).toEqual(calls.map(() => 'build'));
    const environments = new Set(calls.map((call) => /\((.*) \)$/.exec(call)?.[1]));
    expect([...environments]).toEqual(['HOME LC_ALL LOGNAME PATH PWD SHELL SHLVL USER']);
    expect(calls.join('\n')).not.toMatch(/stack|hls/i);

    const before = await everything();
    const requests = host.requests.length;
    await install();
    expect(await everything()).toBe(before);
    expect(host.requests.slice(requests)).toEqual([]);
  });

  test('adds a further compiler by a run of its own, as the template of an image with three does', async () => {
    await install();
    await releases.publish([tool('ghc', '9.4.8')]);
    const requests = host.requests.length;
    expect(await install({ GHC_SECONDARY_VERSION: '9.4.8' })).toContain('GHC 9.4.8 works');
    expect(await asBuild('ls ~/.ghcup/bin | grep ghc-')).toBe('ghc-9.4.8\nghc-9.6.6\nghc-9.8.4');
    expect(await asBuild('. ~/.ghcup/env; ghc --numeric-version; ghc-9.6.6 --numeric-version')).toBe('9.8.4\n9.6.6');
    const downloads = host.requests.slice(requests).filter((request) => request.includes('/bindist/'));
    expect(downloads).toEqual(['GET /bindist/ghc-9.4.8']);
  });

  test('brings several further compilers at once', async () => {
    const further = ['9.6.6', '9.4.8', '9.2.8'];
    await releases.publish([
      ...['9.8.4', ...further].map((version) => tool('ghc', version)),
      tool('cabal', '3.12.1.0'),
    ]);
    const said = await install({ GHC_SECONDARY_VERSION: further.join(' ') });
    for (const version of ['9.8.4', ...further]) expect(said).toContain(`GHC ${version} works`);
    expect(await asBuild('ghc --numeric-version')).toBe('9.8.4');
  });

  test('takes what earlier builds downloaded, verified as ever, and leaves what it downloads to later ones', async () => {
    const kept = '/var/kept';
    const requested = () => host.requests.splice(0).filter((request) => !/metadata|pks|hackage/.test(request));
    await chroot.sh(`rm -rf ${kept} && mkdir -m 0755 ${kept}`);
    await install({ GHCUP_DOWNLOADS: kept });
    expect(requested()).toEqual([`GET ${GHCUP}`, ...['ghc-9.8.4', 'ghc-9.6.6', 'cabal-3.12.1.0'].map(bindist)]);
    const all = ['cabal-3.12.1.0', 'ghc-9.6.6', 'ghc-9.8.4', 'x86_64-linux-ghcup-9.9.9'];
    const left = `find ${kept} -user root -perm 0644 -printf '%f\n' | sort; ls -d ~build/.ghcup/cache 2>/dev/null || true`;
    expect((await chroot.sh(left)).split('\n')).toEqual(all);

    await chroot.sh('rm -rf /home/build');
    await install({ GHCUP_DOWNLOADS: kept });
    expect(requested()).toEqual([]);
    expect(await asBuild('ghc --numeric-version; ghc-9.6.6 --numeric-version')).toBe('9.8.4\n9.6.6');

    // damaged on the workstation, or put there: it is not used, and not kept
    await chroot.sh(`rm -rf /home/build; for file in ${kept}/*; do echo 'touch /tmp/was-run' >"$file"; done`);
    await install({ GHCUP_DOWNLOADS: kept });
    expect(requested()).toEqual(expect.arrayContaining([`GET ${GHCUP}`, ...['ghc-9.8.4', 'ghc-9.6.6'].map(bindist)]));
    expect(await chroot.sh(`grep -rl was-run ${kept} || true; ls /tmp`)).toBe('');
    expect((await chroot.sh(left)).split('\n')).toEqual(all);
  });

  function bindist(name: string): string {
    return `GET /bindist/${name}`;
  }

  test('the compilers of the image cannot be replaced by a build, which can add others with GHCup', async () => {
    await install();
    const tools = ['ghc', 'ghc-9.8.4', 'ghc-9.6.6', 'cabal', 'cabal-3.12.1.0', 'ghcup'];
    await asBuild(
      `cd ~/.ghcup; for tool in ${tools.join(' ')}; do rm -rf ghc/* bin/$tool; mv ghc ghc2; mv bin bin2; ` +
        "mv ~/.ghcup ~/.ghcup2; echo 'echo hijacked' >bin/$tool; echo 'echo hijacked' >ghc/9.8.4/ghc; done 2>/dev/null; true",
    );
    expect(await asBuild('ghc --numeric-version; ghc-9.6.6 --numeric-version; cabal --numeric-version')).toBe(
      '9.8.4\n9.6.6\n3.12.1.0',
    );
    await releases.publish([tool('ghc', '9.4.8')]);
    await asBuild(`~/.ghcup/bin/ghcup --gpg strict --url-source ${host.url}${LIST} install ghc 9.4.8`);
    expect(await asBuild('ghc-9.4.8 --numeric-version; ghc --numeric-version')).toBe('9.4.8\n9.8.4');
  });

  test('refuses a GHCup with another checksum, and leaves nothing of it', async () => {
    host.files.set(GHCUP, Buffer.from('#!/bin/sh\ntouch /tmp/was-run\n'));
    await expect(install()).rejects.toThrow(/x86_64-linux-ghcup-9\.9\.9 has the checksum [0-9a-f]{64} instead of/);
    expect(await chroot.sh('find /home/build/.ghcup -type f; ls /tmp')).toBe('/home/build/.ghcup/env');
  });

  test('continues a download that is cut off half way, within a run and in the next', async () => {
    const size = fakeGhcup().length;
    host.cuts.set(GHCUP, 1);
    await install();
    expect(host.requests.slice(0, 2)).toEqual([`GET ${GHCUP}`, `GET ${GHCUP} from ${Math.floor(size / 2)}`]);

    await chroot.sh('rm -rf /home/build/.ghcup');
    host.cuts.set(GHCUP, 5);
    await expect(install()).rejects.toThrow(/9\.9\.9 cannot be downloaded/);
    expect(await chroot.sh('ls /home/build/.ghcup/bin')).toBe('ghcup.part');
    host.requests.length = 0;
    await install();
    expect(host.requests[0]).toMatch(/x86_64-linux-ghcup-9\.9\.9 from \d+$/);
    expect(await asBuild('ghc --numeric-version')).toBe('9.8.4');
  });

  test('takes a compiler again whose download was cut off', async () => {
    host.cuts.set('/bindist/ghc-9.6.6', 1);
    await install();
    expect(host.requests.filter((request) => request === 'GET /bindist/ghc-9.6.6')).toHaveLength(2);
    expect(await asBuild('ghc-9.6.6 --numeric-version')).toBe('9.6.6');
  });

  test('believes no list of downloads that is signed by another key', async () => {
    await releases.publish([tool('ghc', '9.8.4')], 'wrong');
    await expect(install()).rejects.toThrow(/GHCup cannot install ghc 9\.8\.4/);
    expect(host.requests.filter((request) => request.includes('/bindist/'))).toEqual([]);
  });

  test('takes no other key from the key server than the one it asks for', async () => {
    host.files.set(releases.keyPath('right'), await releases.exportKey('wrong'));
    await expect(install()).rejects.toThrow(
      `answers with the key ${releases.keys.wrong} instead of ${releases.keys.right}`,
    );
    host.files.delete(releases.keyPath('right'));
    await expect(install()).rejects.toThrow(/none of the keys that sign GHCup's list of downloads can be had/);
    expect(host.requests.filter((request) => request.includes(LIST))).toEqual([]);
  });

  test('does without a package index when Hackage does not answer, and pins its state when told to', async () => {
    host.files.delete(INDEX);
    expect(await install()).toContain('Hackage does not answer');
    const state = '2025-01-31T00:00:00Z';
    host.files.set(`/hackage/01-index.tar?hackage.haskell.org,${state}`, Buffer.from('of January'));
    await install({ HACKAGE_INDEX_STATE: state });
    expect(await asBuild('cat ~/.cabal/packages/01-index.tar')).toBe('of January');
    await expect(install({ HACKAGE_INDEX_STATE: 'yesterday' })).rejects.toThrow(/must be a time such as/);
  });

  test('fails when a compiler is of another version, cannot be had, or compiles nothing that runs', async () => {
    await releases.publish([tool('ghc', '9.8.4', '9.8.3')]);
    await expect(install()).rejects.toThrow(/GHCup installed ghc 9\.8\.4, but .* is not that version/);
    await expect(install({ GHC_PRIMARY_VERSION: '9.99.1' })).rejects.toThrow(/cannot install ghc 9\.99\.1/);
    await releases.publish([tool('ghc', '9.8.4'), tool('ghc', '9.6.6'), tool('cabal', '3.12.1.0')]);
    await install();
    await chroot.sh(`sed -i 's/echo "%s"/exit 3/' /home/build/.ghcup/ghc/9.6.6/ghc`);
    await expect(install()).rejects.toThrow(/what GHC 9\.6\.6 compiles does not run/);
    expect(await chroot.sh('ls /tmp')).toBe('');
  });

  test('makes the account beside one that has its number, and says what it does not know', async () => {
    await chroot.sh('useradd --uid 1000 installer');
    await install();
    expect(await chroot.sh('id -u build')).toBe('1001');
    await expect(install({ TOOLCHAIN: 'stack' })).rejects.toThrow(/use distribution or ghcup/);
    await expect(install({ GHCUP_VERSION: '1.2.3', GHCUP_SHA256: '' })).rejects.toThrow(/GHCUP_SHA256 must be given/);
  });
});
