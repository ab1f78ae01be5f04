import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { additionReportSchema, type VmOutcome } from '../../../src/cli/toolchain/report';
import { HOSTILE_ARGUMENTS, HOSTILE_VERSIONS } from '../../assets/support/hostile-arguments';
import { StandInHub } from '../../assets/support/stand-in-hub';
import { buildfleet } from '../../support/buildfleet';
import { writeStandInFleet } from '../../support/stand-in-machine';
import { cachedDebian } from '../image/cached-image';
import { Machine } from '../image/machine';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';

const HISTORY = 'sha256sum /var/log/apt/history.log /var/lib/dpkg/status';

/** Sends requests to the helper as they are, and prints the code of each answer. */
const SPEAK = `
import json, socket, sys
for request in json.loads(sys.argv[1]):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("/run/buildfleet/helper.sock")
        connection.sendall(json.dumps(request).encode() + b"\\n")
        lines = connection.makefile().readline()
        print(json.loads(lines).get("code"))`;

/**
 * Every ninth: each is answered by a Python of its own, which takes seconds on an emulated machine. The helper's own
 * tests send all of them.
 */
function someOf<T>(hostile: readonly T[]): readonly T[] {
  return hostile.filter((_, index) => index % 9 === 0);
}

jest.setTimeout(30 * 60_000);

// The whole way: the CLI, ssh, the client, systemd's socket, the helper, and the distribution's apt with its archive.
describeWithTools(
  ['mmdebstrap', 'qemu-system-x86_64', 'xorriso', 'ssh', 'ssh-keygen'],
  'the helper of a VM of the Debian image',
  () => {
    let directory: string;
    let machine: Machine;
    let hub: StandInHub;
    let fleet: string;
    let ghc: string;

    beforeAll(async () => {
      directory = temporaryDirectory();
      const { path, definition } = await cachedDebian();
      ghc = definition.toolchain.ghc;
      machine = new Machine(join(directory, 'vm'), path);
      const seed = await machine.writeSeed();
      await machine.boot({ seed, network: true });
      // A machine that waits for names by DNS late, because nothing else at boot needs them.
      await until('the archive’s name', 120, () =>
        machine.ssh('systemctl is-active systemd-resolved.service').catch(() => null),
      );
      await machine.ssh('cp /etc/ssh/authorized_keys.d/root /etc/ssh/authorized_keys.d/build');
      hub = new StandInHub();
      await hub.listen();
      hub.add({
        ...{ domain: 'railiance', capability_type: 'haskell-build-agent', description: '' },
        title: 'Haskell Build Agent — haskell-build-alpha',
        keywords: ['haskell', 'ghc', `ghc-${ghc}`, 'tunnel-port:1'],
      });
      fleet = writeStandInFleet(join(directory, 'state'), join(directory, 'vm/login'), hub.url, [
        { id: 'alpha', port: machine.sshPort, hostKey: readFileSync(join(directory, 'vm/host.pub'), 'utf8').trim() },
      ]);
      const sshConfig = join(directory, 'state/ssh-config');
      const config = readFileSync(sshConfig, 'utf8').replaceAll(`User ${userInfo().username}`, 'User build');
      writeFileSync(sshConfig, config);
    });

    afterAll(async () => {
      await machine.kill();
      await hub.close();
    });

    async function ask(...args: string[]): Promise<{ exitCode: number; outcome: VmOutcome; stderr: string }> {
      const { stdout, stderr, exitCode } = await buildfleet([...args, '--fleet', fleet, '--json']);
      const report = additionReportSchema.parse(JSON.parse(stdout.toString()));
      return { exitCode, stderr, outcome: report.vms[0]! };
    }

    /** As an account of the machine. @returns what it printed, and then its exit code */
    function as(account: string, command: string): Promise<string> {
      return machine.ssh(
        `setpriv --reuid=${account} --regid=$(id -g ${account}) --clear-groups ${command} 2>&1; echo $?`,
      );
    }

    test('adds a library that programs of build can use, and says what apt does meanwhile', async () => {
      const { exitCode, outcome, stderr } = await ask('add-package', 'libghc-primitive-dev');
      expect([exitCode, outcome.error]).toEqual([0, null]);
      expect(outcome.packages).toEqual([
        { name: 'libghc-primitive-dev', version: expect.stringMatching(/^0\./), change: 'added' },
      ]);
      expect(stderr).toMatch(/^fetching package lists$[^]*^Setting up libghc-primitive-dev/m);
      const program = 'import Data.Primitive.Array\nmain = print (sizeofArray (arrayFromList [1, 2, 3 :: Int]))';
      const built = await buildfleet(
        ['exec', '--fleet', fleet, 'alpha', '--', 'sh', '-c', 'cd /build && cat >P.hs && ghc -v0 P.hs && ./P'],
        { input: program },
      );
      expect([built.stdout.toString(), built.stderr]).toEqual(['3\n', '']);
    });

    test('adds it no second time', async () => {
      const before = await machine.ssh(HISTORY);
      const { exitCode, outcome } = await ask('add-package', 'libghc-primitive-dev');
      expect(exitCode).toBe(0);
      expect(outcome.packages).toMatchObject([{ change: 'present' }]);
      expect(await machine.ssh(HISTORY)).toBe(before);
    });

    test('removes nothing, adds nothing that is not in the archive, and takes no hostile argument', async () => {
      const before = await machine.ssh(HISTORY);
      const removing = await ask('add-package', 'initramfs-tools');
      expect([removing.exitCode, removing.outcome.error?.code]).toEqual([1, 'would-remove']);
      expect(removing.outcome.error?.problem).toMatch(/would remove tiny-initramfs to install initramfs-tools/);
      const conflicting = await ask('add-package', 'sysvinit-core');
      expect([conflicting.exitCode, conflicting.outcome.ok]).toEqual([1, false]);
      const unknown = await ask('add-package', 'unheard-of-package');
      expect([unknown.exitCode, unknown.outcome.error?.code]).toEqual([1, 'package-unknown']);

      const requests = [
        ...someOf(HOSTILE_ARGUMENTS).map(([, ...args]) => ({ verb: 'add-package', arguments: args })),
        ...someOf(HOSTILE_VERSIONS).map(([, ...args]) => ({ verb: 'add-ghc', arguments: args })),
        { verb: 'remove-package', arguments: ['hello'] },
        { verb: 'add-package', arguments: ['hello'], force: true },
        { verb: 'add-package', arguments: ['hello\0'] },
      ];
      const said = await buildfleet(
        ['exec', '--fleet', fleet, 'alpha', '--', 'sh', '-c', 'python3 -c "$0" "$(cat)"', SPEAK],
        { input: JSON.stringify(requests) },
      );
      expect(said.stdout.toString().trim().split('\n')).toEqual(requests.map(() => '2'));
      expect(await machine.ssh(HISTORY)).toBe(before);
    });

    test('adds the profiling libraries that a build is refused without, by the command that it names', async () => {
      const cwd = join(directory, 'profiled');
      mkdirSync(cwd);
      writeFileSync(join(cwd, 'Main.hs'), 'main :: IO ()\nmain = putStrLn "profiled"\n');
      writeFileSync(
        join(cwd, 'profiled.cabal'),
        'cabal-version: 2.4\nname: profiled\nversion: 0.1\nbuild-type: Simple\n\nexecutable profiled\n' +
          '  main-is: Main.hs\n  build-depends: base\n  default-language: Haskell2010\n',
      );
      const profiled = () =>
        buildfleet(['run', '--fleet', fleet, '--vm', 'alpha', '--', '--enable-profiling', 'profiled'], { cwd });
      const refused = await profiled();
      expect([refused.exitCode, refused.stdout.toString()]).toEqual([1, '']);
      expect(refused.stderr).not.toContain('Could not find module');
      const remedy = /`buildfleet (add-package --vm \S+ ghc-prof)`/.exec(refused.stderr)?.[1] ?? refused.stderr;
      // Its own name is that of the test.
      const { exitCode, outcome } = await ask(...remedy.replace('under-test', 'alpha').split(' '));
      expect([exitCode, outcome.error]).toEqual([0, null]);
      const built = await profiled();
      expect({ exitCode: built.exitCode, stderr: built.stderr }).toMatchObject({ exitCode: 0 });
      expect(built.stdout.toString()).toMatch(/profiled\n$/);
    });

    test('listens to build and root only', async () => {
      const client = 'buildfleet-helper add-package libghc-primitive-dev';
      for (const account of ['nobody', 'build-agent', 'build-tunnel']) {
        expect(await as(account, client)).toBe('buildfleet-helper: /run/buildfleet/helper.sock: Permission denied\n5');
      }
      expect(await as('root', client)).toMatch(/present\n0$/);
    });

    test('add-ghc with the version that is there is done at once, and the hub shows it', async () => {
      const { exitCode, outcome } = await ask('add-ghc', ghc);
      expect(exitCode).toBe(0);
      expect(outcome).toMatchObject({ packages: [{ name: 'ghc', version: ghc, change: 'present' }], inHub: true });
    });

    test('add-ghc with another says which there is, and what has others', async () => {
      const { exitCode, outcome, stderr } = await ask('add-ghc', '9.8.4');
      expect([exitCode, outcome.error?.code]).toEqual([1, 'ghc-unknown']);
      expect(outcome.error?.problem).toBe(`GHC 9.8.4 cannot be had from the distribution, which has ${ghc}`);
      expect(outcome.error?.remedy).toMatch(/GHCup/);
      expect(stderr).toMatch(/no GHCup/);
    });

    test('every request is in the journal, with its account, and no unit has failed', async () => {
      const journal = await machine.ssh('journalctl --quiet --output=cat --identifier=build-helper');
      expect(journal).toMatch(/^uid 1000, pid \d+ asks for: add-package libghc-primitive-dev$/m);
      expect(journal).toMatch(/^uid 0, pid \d+ asks for: add-package libghc-primitive-dev$/m);
      expect(journal).toMatch(/^uid 1000, pid \d+: request-invalid: "openssh-server-" is not the name/m);
      expect(await machine.ssh('systemctl --failed --plain --no-legend')).toBe('');
    });
  },
);
