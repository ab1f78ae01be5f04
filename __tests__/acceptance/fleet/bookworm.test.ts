import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { buildfleet } from '../../support/buildfleet';
import { FleetProject, type FleetPorts, withOneCpu } from '../../support/fleet-project';
import { RunningFleet } from '../../support/running-fleet';
import { describeWithTools } from '../../support/tools';

const LIMIT = 20 * 60_000;
const PORTS: FleetPorts = { sshd: 13820, hub: 13800, first: 13821, last: 13830 };
/** Of bookworm's glibc, the newest that a binary may ask for. */
const GLIBC = [2, 36] as const;

const FILES = {
  'hello.cabal': `cabal-version: 2.4
name: hello
version: 0.1
executable hello
  main-is: Main.hs
  build-depends: base, containers
  default-language: Haskell2010
`,
  'Main.hs': `import qualified Data.Map as Map
main :: IO ()
main = putStrLn ("hello from " ++ Map.findWithDefault "" 'x' (Map.singleton 'x' "bookworm"))
`,
};

describeWithTools(
  ['terraform', 'mmdebstrap', 'qemu-system-x86_64', 'xorriso', 'sshd', 'rsync', 'readelf'],
  'a fleet whose image is Debian bookworm',
  () => {
    const project = new FleetProject(PORTS);
    const fleet = new RunningFleet(project);
    const hello = join(project.directory, '../hello');
    const cli = (...args: string[]) => buildfleet(args, { cwd: hello, env: project.environment() });

    beforeAll(async () => {
      project.editMain((main) =>
        withOneCpu(main)
          .replace(
            "HaskellBuildImage.debian(fleet, 'haskell')",
            "HaskellBuildImage.debian(fleet, 'haskell', { suite: 'bookworm' })",
          )
          .replace(/^new BuildVm\(fleet, 'beta'.*\n/m, ''),
      );
      mkdirSync(hello);
      for (const [name, text] of Object.entries(FILES)) writeFileSync(join(hello, name), text);
      // builds and boots the image, opens the tunnel, waits for the agent's entry and runs the smoke test
      await project.cdktf('deploy');
    }, LIMIT);

    afterAll(async () => {
      await project.cdktf('destroy', { acceptExitCodes: [0, 1] });
      project.remove();
    }, LIMIT);

    test(
      'is usable, and the hub knows its compiler',
      async () => {
        const alpha = await fleet.untilUsable('alpha', 60);
        expect(alpha.hubEntry).toMatchObject({ state: 'fresh', ghcVersions: ['9.0.2'] });
        const onVm = async (...argv: string[]) => (await cli('exec', 'alpha', '--', ...argv)).stdout.toString();
        expect(await onVm('cat', '/etc/debian_version')).toMatch(/^12\./);
        // the sandboxes of the services are there, and none failed
        expect(await onVm('systemctl', '--failed', '--plain', '--no-legend')).toBe('');
      },
      LIMIT,
    );

    test(
      'builds without a package index what runs on a bookworm workstation',
      async () => {
        const built = await cli('build');
        expect([built.exitCode, built.stdout.toString() + built.stderr]).toEqual([
          0,
          expect.stringContaining('ghc-9.0.2'),
        ]);
        const fetched = await cli('fetch');
        expect([fetched.exitCode, fetched.stdout.toString().trim()]).toEqual([0, 'result/bin/hello']);
        const binary = join(hello, 'result/bin/hello');
        const { stdout: needs } = await run('readelf', ['--version-info', '--wide', binary]);
        const versions = [...needs.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => [
          Number(major),
          Number(minor),
        ]);
        expect(versions.length).toBeGreaterThan(0);
        expect(versions.filter(([major = 0, minor = 0]) => major > GLIBC[0] || minor > GLIBC[1])).toEqual([]);
      },
      LIMIT,
    );
  },
);
