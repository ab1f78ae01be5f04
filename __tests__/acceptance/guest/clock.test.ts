import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { statusReportSchema } from '../../../src/cli/status/report';
import { parseInstanceFacts } from '../../../src/model/capability';
import { run } from '../../../src/process/run';
import { tunnelKeyLine } from '../../../src/rendering/authorized-keys';
import { renderGuestEnvironment } from '../../../src/rendering/guest-environment';
import { buildfleet, type CliResult } from '../../support/buildfleet';
import { writeStandInFleet } from '../../support/stand-in-machine';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { makeTestWorkstation, type TestWorkstation, type WorkstationState } from '../../support/workstation';
import { cachedDebian } from '../image/cached-image';
import { Machine } from '../image/machine';

/** A program of a C source, one that a preprocessor makes Haskell of, and a module: each says what it was built from. */
const PROJECT: Readonly<Record<string, string>> = {
  'clocks.cabal': `cabal-version: 2.4
name: clocks
version: 0.1
build-type: Simple

executable clocks
  main-is: Main.hs
  other-modules: Part, Macro
  c-sources: part.c
  build-depends: base
  default-language: Haskell2010
  ghc-options: -O0
`,
  'Main.hs': `import Macro (macro)
import Part (part)

foreign import ccall "part" cPart :: Int

main :: IO ()
main = print (cPart, macro, part)
`,
};

const HOUR = 3600;

jest.setTimeout(20 * 60_000);

describeWithTools(
  ['mmdebstrap', 'qemu-system-x86_64', 'xorriso', 'sshd', 'ssh', 'ssh-keygen', 'rsync'],
  'the clock of a VM',
  () => {
    let directory: string;
    let sources: string;
    let station: TestWorkstation;
    let state: WorkstationState;
    let machine: Machine;
    let fleet: string;

    beforeAll(async () => {
      directory = temporaryDirectory();
      station = await makeTestWorkstation();
      state = await station.handler.create(station.planned, station.context());
      const key = join(directory, 'tunnel');
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'alpha', '-f', key]);
      const publicKey = readFileSync(`${key}.pub`, 'utf8').trim();
      const port = state.tunnelPorts.first;
      writeFileSync(station.paths.tunnelAuthorizedKeys, tunnelKeyLine({ port, hubPort: state.hubPort, publicKey }), {
        mode: 0o600,
      });
      const environment = renderGuestEnvironment({
        ...{ hostName: 'haskell-build-alpha', tunnelPort: port, heartbeatSeconds: 1 },
        hub: { port: state.hubPort, domain: 'railiance' },
        relay: { host: '10.0.2.2', port: state.sshdPort, user: state.tunnelAccount },
      });
      machine = new Machine(join(directory, 'vm'), (await cachedDebian()).path);
      const seed = await machine.writeSeed([
        { path: '/etc/build-agent.env', permissions: '0600', content: environment },
        { path: '/etc/buildfleet/tunnel_key', permissions: '0600', content: readFileSync(key, 'utf8') },
        {
          ...{ path: '/etc/buildfleet/known_hosts', permissions: '0644' },
          content: `[10.0.2.2]:${state.sshdPort} ${state.sshdHostPublicKey}\n`,
        },
      ]);
      await machine.boot({ seed, network: true });
      await machine.ssh('cp /etc/ssh/authorized_keys.d/root /etc/ssh/authorized_keys.d/build');
      fleet = writeStandInFleet(join(directory, 'state'), join(directory, 'vm/login'), state.hubUrl, [
        { id: 'alpha', port: machine.sshPort, hostKey: readFileSync(join(directory, 'vm/host.pub'), 'utf8').trim() },
      ]);
      const sshConfig = join(directory, 'state/ssh-config');
      const asBuild = readFileSync(sshConfig, 'utf8').replaceAll(`User ${userInfo().username}`, 'User build');
      writeFileSync(sshConfig, asBuild);
      sources = join(directory, 'clocks');
      mkdirSync(sources);
      for (const [name, text] of Object.entries(PROJECT)) writeFileSync(join(sources, name), text);
      edit('all');
      await until('a heartbeat that tells the clock', 120, async () => (await reportedClock()) !== undefined);
    });

    afterAll(async () => {
      await machine.kill();
      await station.dispose();
    });

    /** Numbers that the program says: of the C source, of what is preprocessed, of the module. */
    let says = [0, 0, 0];

    /** Has the parts of the program say the next number, the slow one where that is asked for. */
    function edit(parts: 'all' | 'fast'): void {
      const [next, macro] = [says[0]! + 1, says[1]!];
      writeFileSync(join(sources, 'part.c'), `int part(void) { return ${next}; }\n`);
      writeFileSync(join(sources, 'Part.hs'), `module Part (part) where\npart :: Int\npart = ${next}\n`);
      says = [next, parts === 'all' ? next : macro, next];
      if (parts === 'fast') return;
      const preprocessed = `module Macro (macro) where\n#define NUMBER ${next}\nmacro :: Int\nmacro = #{const NUMBER}\n`;
      writeFileSync(join(sources, 'Macro.hsc'), preprocessed);
    }
    const expected = () => `(${says.join(',')})`;

    const cli = (...args: string[]): Promise<CliResult> => buildfleet([...args, '--fleet', fleet], { cwd: sources });

    /** What the program says once it is built. @returns also the remarks */
    async function built(): Promise<{ said: string; remarks: string }> {
      const { stdout, stderr, exitCode } = await cli('run', '--vm', 'alpha');
      expect({ exitCode, stderr, stdout: stdout.toString() }).toMatchObject({ exitCode: 0 });
      return { said: stdout.toString().trim().split('\n').at(-1) ?? '', remarks: stderr };
    }

    /** Seconds that the machine's clock is ahead, within what a connection takes. */
    async function ahead(): Promise<number> {
      const began = Date.now();
      const theirs = Number(await machine.ssh('date +%s%3N'));
      if (theirs > Date.now()) return (theirs - Date.now()) / 1000;
      return Math.min(0, theirs - began) / 1000;
    }

    const setClock = (seconds: number) => machine.ssh(`date --set="@$(($(date +%s) + ${seconds}))"`);

    async function reportedClock(): Promise<number | undefined> {
      const response = await fetch(`${state.hubUrl}/capability-catalog/?capability_type=haskell-build-agent`);
      const [entry] = (await response.json()) as { description: string }[];
      return parseInstanceFacts(entry?.description ?? '').clockAheadSeconds;
    }

    test.each([HOUR, -HOUR, -61])('is put right by the next heartbeat when it is %d s ahead', async (seconds) => {
      await setClock(seconds);
      await until('the right time', 60, async () => Math.abs(await ahead()) < 1, 500);
      const said = await machine.ssh('journalctl --quiet --output=cat --identifier=build-clock');
      expect(said.trim().split('\n').at(-1)).toMatch(new RegExp(`^corrected ${seconds < 0 ? '-' : ''}\\d+\\.\\d{3}$`));
      expect(Math.abs(Number(said.trim().split(' ').at(-1)) - seconds)).toBeLessThan(2);
    });

    describe('that no heartbeat has put right yet', () => {
      beforeAll(async () => {
        await machine.ssh('systemctl stop build-agent.service');
        expect((await built()).said).toBe(expected());
      });

      test.each([
        [HOUR, 'all', '60 min ahead'],
        [-HOUR, 'fast', '60 min behind'],
      ] as const)('is put right by a build, %d s ahead, and every edit is built', async (seconds, parts, told) => {
        await setClock(seconds);
        edit(parts);
        const { said, remarks } = await built();
        expect(said).toBe(expected());
        // `date` counts whole seconds
        const words = new RegExp(
          `the clock of haskell-build-alpha was ${told.replace('60', '(59|60)')} and has been put`,
        );
        expect(remarks).toMatch(words);
        expect(Math.abs(await ahead())).toBeLessThan(1);
      });

      test('is put right by a command after the VM was paused', async () => {
        await machine.pause(15_000);
        const synced = await cli('sync', '--vm', 'alpha');
        expect(synced.stderr).toMatch(/the clock of haskell-build-alpha was 1\d s behind and has been put right/);
        expect(Math.abs(await ahead())).toBeLessThan(1);
        expect((await cli('sync', '--vm', 'alpha')).stderr).not.toContain('the clock');
      });

      test('does not hide edits of what was built by it before', async () => {
        edit('fast');
        expect((await cli('sync', '--vm', 'alpha')).exitCode).toBe(0);
        await setClock(HOUR);
        const build =
          'cd /build/*-clocks-* && CABAL_CONFIG=$HOME/.cache/buildfleet/without-repository cabal build -v1 2>&1 && ' +
          '$(CABAL_CONFIG=$HOME/.cache/buildfleet/without-repository cabal list-bin clocks)';
        expect(await machine.ssh(`runuser -u build -- sh -c '${build}'`)).toContain(expected());
        edit('all');
        const { said, remarks } = await built();
        expect(remarks).toMatch(/(59|60) min ahead and has been put right/);
        expect(said).toBe(expected());
        const future = "find /build/*-clocks-*/dist-newstyle -newermt '+1 minute'";
        expect(await machine.ssh(future)).toBe('');
      });

      test('is not set by the account that builds, as often as it asks', async () => {
        const asBuild = (command: string) => machine.ssh(`runuser -u build -- sh -c '${command}' 2>&1 || true`);
        expect(await asBuild('date --set=2020-01-01')).toMatch(/Operation not permitted/);
        const ask =
          'python3 -c "import socket; c = socket.socket(socket.AF_UNIX); c.connect(\\"/run/buildfleet/clock.sock\\"); ' +
          'c.send(b\\"corrected 3600\\\\n2020-01-01\\\\n\\"); print(c.makefile().readline())"';
        for (let times = 0; times < 3; times++) expect(await asBuild(ask)).toMatch(/^right -?0\.\d{3}$/);
        expect(await asBuild('echo "9 1" >>/var/lib/build-clock/steps')).toMatch(/Permission denied|nonexistent/);
        expect(Math.abs(await ahead())).toBeLessThan(1);
      });

      test('ends a build with one error where it cannot be put right, and status tells the difference', async () => {
        await machine.ssh('systemctl stop build-clock.socket && systemctl start build-agent.service');
        try {
          await setClock(HOUR);
          await until('the report of it', 60, async () => Math.abs(((await reportedClock()) ?? 0) - HOUR) < 10, 500);
          const { stdout } = await cli('status', '--json');
          const { facts } = statusReportSchema.parse(JSON.parse(stdout.toString())).vms[0]!;
          expect(Math.abs((facts.clockAheadSeconds ?? 0) - HOUR)).toBeLessThan(10);
          const refused = await cli('build', '--vm', 'alpha');
          expect(refused.exitCode).toBe(4);
          expect(refused.stdout.toString()).toBe('');
          expect(refused.stderr.trim().split('\n').at(-1)).toMatch(
            /^buildfleet: the clock of haskell-build-alpha is \d+ min ahead, so that edits would not be built, and it cannot be put right: nothing here can set it.*make deploy/,
          );
        } finally {
          await machine.ssh('systemctl start build-clock.socket');
        }
        await until('the right time', 60, async () => Math.abs(await ahead()) < 1, 500);
        expect((await cli('sync', '--vm', 'alpha')).exitCode).toBe(0);
      });
    });

    test('leaves no unit failed', async () => {
      expect(await machine.ssh('systemctl --failed --plain --no-legend')).toBe('');
    });
  },
);
