import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadFleet } from '../../../src/cli/fleet-file';
import { smokeVm } from '../../../src/cli/smoke/smoke-vm';
import { smokeReportSchema, type Step } from '../../../src/cli/smoke/report';
import { run } from '../../../src/process/run';
import { buildfleet } from '../../support/buildfleet';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { freePort, StandInMachine, writeStandInFleet } from '../../support/stand-in-machine';
import { temporaryDirectory } from '../../support/temporary-directory';

jest.setTimeout(60_000);

/**
 * Stands in for GHC where there is none: checks that it is asked to build the program that was sent over, and answers
 * with a shell script that does what the program would do. `$FAKE_GHC/mode` makes it fail.
 */
const FAKE_GHC = `#!/bin/sh
case $1 in --version) echo "The Glorious Glasgow Haskell Compilation System, version $(cat "$FAKE_GHC/version")"; exit;; esac
set -eu
case $(cat "$FAKE_GHC/mode") in
  broken) echo 'Main.hs:1:1: error: this compiler is broken' >&2; exit 1;;
  slow) : > "$FAKE_GHC/slow"; sleep 300;;
  lying) sum=1;;
  *) sum=338350;;
esac
[ "$*" = "-v0 -outputdir out -o smoke Main.hs" ]
mkdir -p out/Fleet
for module in Main Fleet/Greeting Fleet/Sum; do [ -s $module.hs ]; : > out/$module.o; done
printf '#!/bin/sh\\n{ printf "built for "; printf %%s "$1" | rev; echo; echo %s; } > "$2"\\n' "$sum" > smoke
chmod +x smoke
`;

describeWithTools(
  ['sshd', 'ssh', 'ssh-keygen', 'setpriv', 'tar', 'rev'],
  'buildfleet smoke over a real sshd, with a stand-in for GHC',
  () => {
    let directory: string;
    let machine: StandInMachine;
    let fleet: string;
    let workspaces: string;

    const smoke = async (id: string, signal = new AbortController().signal): Promise<ReadonlyMap<string, Step>> => {
      const loaded = loadFleet(fleet, directory);
      const vm = loaded.fleet.vms.find((candidate) => candidate.id === id);
      if (vm === undefined) throw new Error(`no VM ${id}`);
      const streamed: Step[] = [];
      const steps = await smokeVm(loaded, vm, {
        run,
        environment: process.env,
        signal,
        workspaceRoot: workspaces,
        consoleLog: () => 'console.log',
        onStep: (step) => streamed.push(step),
      });
      expect(streamed).toEqual(steps);
      return new Map(steps.map((step) => [step.step, step]));
    };

    const compiler = (mode: string, version = '9.6.6') => {
      writeFileSync(join(directory, 'mode'), mode);
      writeFileSync(join(directory, 'version'), version);
    };

    beforeAll(async () => {
      directory = temporaryDirectory();
      workspaces = join(directory, 'build');
      const programs = join(directory, 'fake-ghc');
      for (const made of [workspaces, programs]) mkdirSync(made);
      writeFileSync(join(programs, 'ghc'), FAKE_GHC.replaceAll('$FAKE_GHC', directory));
      chmodSync(join(programs, 'ghc'), 0o755);
      machine = await StandInMachine.create(join(directory, 'machine'), {
        PATH: `${programs}:/usr/local/bin:/usr/bin:/bin`,
      });
      fleet = writeStandInFleet(join(directory, 'state'), machine.userKey, `http://127.0.0.1:${await freePort()}`, [
        { id: 'alpha', port: machine.port, hostKey: machine.hostKey },
        { id: 'closed', port: await freePort(), hostKey: machine.hostKey },
      ]);
    });

    afterAll(async () => {
      await machine.stop();
    });

    test('sends the sources over, builds, runs, and fetches the result back', async () => {
      compiler('good');
      const steps = await smoke('alpha');
      const onVm = [...steps.values()].filter(({ step }) => step !== 'hub entry');
      expect(onVm.map(({ step, ok }) => [step, ok])).toEqual([
        ['tunnel', true],
        ['ghc version', true],
        ['compile', true],
        ['run', true],
        ['fetch result', true],
      ]);
      expect(steps.get('compile')?.detail).toBe('3 modules');
      expect(readdirSync(workspaces)).toEqual([]);
    });

    test('the hub that is not there is a failed step, and the other steps are tried all the same', async () => {
      compiler('good');
      expect((await smoke('alpha')).get('hub entry')).toMatchObject({
        ok: false,
        detail: expect.stringContaining('State Hub'),
      });
    });

    test('a compiler that fails is told with what it said, and leaves nothing', async () => {
      compiler('broken');
      const steps = await smoke('alpha');
      expect(steps.get('compile')).toMatchObject({
        ok: false,
        detail: expect.stringContaining('this compiler is broken'),
      });
      expect(steps.has('run')).toBe(false);
      expect(readdirSync(workspaces)).toEqual([]);
    });

    test('another GHC than the image has is a failure', async () => {
      compiler('good', '9.8.4');
      expect((await smoke('alpha')).get('ghc version')).toMatchObject({
        ok: false,
        detail: expect.stringMatching(/GHC 9\.8\.4.*9\.6\.6/),
      });
    });

    test('a wrong result is a failure', async () => {
      compiler('lying');
      expect((await smoke('alpha')).get('fetch result')).toMatchObject({
        ok: false,
        detail: expect.stringContaining('338350'),
      });
    });

    test('--json is one document, with the step that failed', async () => {
      const { exitCode, stdout } = await buildfleet(['smoke', 'closed', '--json', '--fleet', fleet]);
      expect(exitCode).toBe(1);
      const { vms } = smokeReportSchema.parse(JSON.parse(stdout.toString()));
      expect(vms).toMatchObject([{ id: 'closed', ok: false }]);
      expect(vms[0]?.steps.find(({ step }) => step === 'tunnel')?.ok).toBe(false);
    });

    test('a VM that cannot be reached is told as such', async () => {
      expect((await smoke('closed')).get('tunnel')).toMatchObject({
        ok: false,
        detail: expect.stringMatching(/nothing listens|sshd on port \d+ is down/),
      });
    });

    test('cancelled in the middle, it leaves no workspace and no compiler', async () => {
      compiler('slow');
      const stop = new AbortController();
      const cancelled = smoke('alpha', stop.signal).catch((error: unknown) => error);
      await until('the compiler runs', 20, () => readdirSync(directory).includes('slow'));
      expect(readdirSync(workspaces)).toHaveLength(1);
      stop.abort();
      expect(await cancelled).toBeInstanceOf(Error);
      await until('the workspace is gone', 10, () => readdirSync(workspaces).length === 0);
    });

    test('the sources are plain ASCII, as the archive has to be', () => {
      const sources = ['Main.hs', 'Fleet/Greeting.hs', 'Fleet/Sum.hs'].map((name) =>
        readFileSync(join(__dirname, '../../../assets/smoke', name), 'utf8'),
      );
      for (const source of sources) expect(source).toMatch(/^[\n -~]+$/);
    });
  },
);
