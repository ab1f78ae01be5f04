import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadFleet } from '../../../src/cli/fleet-file';
import { additionReportSchema } from '../../../src/cli/toolchain/report';
import { waitForGhcInHub } from '../../../src/cli/toolchain/wait-for-hub';
import { HOSTILE_ARGUMENTS } from '../../assets/support/hostile-arguments';
import { StandInHub } from '../../assets/support/stand-in-hub';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { buildfleet, BuildfleetProcess } from '../../support/buildfleet';
import { freePort, StandInMachine, writeStandInFleet } from '../../support/stand-in-machine';
import { temporaryDirectory } from '../../support/temporary-directory';

jest.setTimeout(120_000);

/** Stands in for the client in a VM: notes its arguments, prints the file `answer`, and ends as `code` says. */
const FAKE_HELPER = `#!/bin/sh
printf '%s\\n' "$*" >>"@/calls"
cat "@/answer"
[ ! -e "@/wait" ] || sleep 300
exit "$(cat "@/code")"
`;

const ADDED = `{"type": "progress", "text": "installing"}
{"type": "result", "ok": true, "code": 0, "packages": [{"name": "hello", "version": "2.10-5", "change": "added"}]}
`;
const UNKNOWN = `{"type": "progress", "text": "fetching package lists"}
{"type": "result", "ok": false, "code": 3, "error": {"code": "package-unknown", "problem": "the archive has no hello", "remedy": "look"}}
`;

describeWithTools(
  ['sshd', 'ssh', 'ssh-keygen', 'python3'],
  'buildfleet add-package and add-ghc over a real sshd, with a stand-in for the helper',
  () => {
    let directory: string;
    let programs: string;
    let machine: StandInMachine;
    let hub: StandInHub;
    let fleet: string;

    beforeAll(async () => {
      directory = temporaryDirectory();
      programs = join(directory, 'programs');
      mkdirSync(programs);
      machine = await StandInMachine.create(join(directory, 'machine'), {
        PATH: `${programs}:/usr/local/bin:/usr/bin:/bin`,
      });
      hub = new StandInHub();
      await hub.listen();
      fleet = writeStandInFleet(join(directory, 'state'), machine.userKey, hub.url, [
        { id: 'alpha', port: machine.port, hostKey: machine.hostKey },
        { id: 'dead', port: await freePort(), hostKey: machine.hostKey },
      ]);
    });

    afterAll(async () => {
      await hub.close();
      await machine.stop();
    });

    beforeEach(() => {
      for (const name of ['calls', 'wait']) rmSync(join(directory, name), { force: true });
      install('buildfleet-helper', FAKE_HELPER.replaceAll('@', directory));
      // The account of the tests may have a GHCup, which must not be touched.
      install('python3', `#!/bin/sh\nHOME=${directory}/home exec /usr/bin/python3 "$@"\n`);
      answer(ADDED, 0);
      hub.entries.clear();
    });

    function install(name: string, script: string): void {
      writeFileSync(join(programs, name), script);
      chmodSync(join(programs, name), 0o755);
    }

    function answer(text: string, code: number): void {
      writeFileSync(join(directory, 'answer'), text);
      writeFileSync(join(directory, 'code'), String(code));
    }

    const calls = () =>
      existsSync(join(directory, 'calls')) ? readFileSync(join(directory, 'calls'), 'utf8').trim().split('\n') : [];
    const cli = (...args: string[]) => buildfleet([...args, '--fleet', fleet]);
    const json = async (...args: string[]) => {
      const { stdout, exitCode } = await cli(...args, '--json');
      return { exitCode, ...additionReportSchema.parse(JSON.parse(stdout.toString())) };
    };

    test('asks the default VM, tells what it says meanwhile, and prints what is there now', async () => {
      const { stdout, stderr, exitCode } = await cli('add-package', 'hello', 'g++', 'hello');
      expect(calls()).toEqual(['--json add-package hello g++']);
      expect(stdout.toString()).toBe('VM     PACKAGE  VERSION  CHANGE\nalpha  hello    2.10-5   added\n');
      expect([stderr, exitCode]).toEqual(['installing\n', 0]);
    });

    test('with --quiet it tells the result only', async () => {
      expect((await cli('add-package', 'hello', '--quiet')).stderr).toBe('');
    });

    test('works on every VM with --all, and says which one cannot be reached and why', async () => {
      const { exitCode, vms } = await json('add-package', '--all', 'hello');
      expect(vms).toMatchObject([
        { id: 'alpha', ok: true, packages: [{ name: 'hello', version: '2.10-5', change: 'added' }], error: null },
        { id: 'dead', ok: false, packages: [], error: { code: 'vm-not-usable', remedy: expect.stringMatching(/./) } },
      ]);
      expect(exitCode).toBe(4);
      expect((await cli('add-package', '--all', 'hello')).stderr).toMatch(
        /^alpha: installing$[^]*^buildfleet: haskell-build-dead: /m,
      );
    });

    test.each([
      ['what the helper refuses', UNKNOWN, 3, 'package-unknown', /the archive has no hello/],
      ['a helper that says nothing', '', 1, 'helper-failed', /gave no answer/],
      ['a helper that says nothing and is content', '', 0, 'helper-failed', /without a result/],
    ])('%s is a failure', async (_, text, code, word, problem) => {
      answer(text, code);
      const { exitCode, vms } = await json('add-package', 'hello');
      expect(exitCode).toBe(1);
      expect(vms).toMatchObject([{ ok: false, error: { code: word, problem: expect.stringMatching(problem) } }]);
    });

    test('a VM whose image has no helper is told as such', async () => {
      rmSync(join(programs, 'buildfleet-helper'));
      for (const command of [
        ['add-package', 'hello'],
        ['add-ghc', '9.6.6'],
      ]) {
        const { exitCode, vms } = await json(...command);
        expect([exitCode, vms[0]?.error?.code]).toEqual([1, 'helper-missing']);
      }
    });

    test.each(HOSTILE_ARGUMENTS.filter(([what]) => !what.includes('after') && !what.includes('10,000')))(
      'refuses %s without asking a VM',
      async (_, ...args) => {
        const { exitCode, stdout } = await buildfleet(['add-package', '--fleet', fleet, '--', ...args]);
        expect([exitCode, stdout.toString(), calls()]).toEqual([2, '', []]);
      },
    );

    test.each([
      [['add-package', '--vm', 'gamma', 'hello'], 3, /no VM of this name/],
      [['add-package', '--vm', 'alpha', '--all', 'hello'], 2, /exclude each other/],
      [['add-package'], 2, /missing required argument/],
      [['add-ghc', 'latest'], 2, /not a version of GHC.*"latest"/],
      [['add-ghc', '9.6.6', '9.8.4'], 2, /too many arguments/],
    ])('cannot do %j', async (args, code, problem) => {
      const { exitCode, stderr } = await cli(...args);
      expect(exitCode).toBe(code);
      expect(stderr).toMatch(problem);
      expect(calls()).toEqual([]);
    });

    test('Ctrl-C ends it, here and there', async () => {
      writeFileSync(join(directory, 'wait'), '');
      answer('', 0);
      const running = new BuildfleetProcess(['add-package', '--fleet', fleet, 'hello'], { input: '' });
      await until('the request', 30, () => calls().length === 1);
      running.child.kill('SIGINT');
      const { exitCode, stderr } = await running.finished;
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/stopped: what apt had begun/);
    });

    describe('add-ghc', () => {
      const entry = {
        domain: 'railiance',
        capability_type: 'haskell-build-agent',
        title: 'Haskell Build Agent — haskell-build-alpha',
        description: '',
        keywords: ['haskell', 'ghc', 'ghc-9.4.7'],
      };

      test('waits until the hub shows the new one', async () => {
        answer(ADDED.replace('hello', 'ghc').replace('2.10-5', '9.6.6'), 0);
        const { id } = hub.add(entry);
        const running = json('add-ghc', '9.6.6');
        await until('the hub to be asked', 30, () => hub.count('GET') > 0);
        hub.entries.set(id, { ...hub.entries.get(id)!, keywords: [...entry.keywords, 'ghc-9.6.6'] });
        const { exitCode, vms } = await running;
        expect(calls()).toEqual(['--json add-ghc 9.6.6']);
        expect(exitCode).toBe(0);
        expect(vms).toMatchObject([{ ok: true, packages: [{ name: 'ghc', version: '9.6.6' }], inHub: true }]);
      });

      test('gives the waiting up', async () => {
        hub.add(entry);
        const loaded = loadFleet(fleet, directory);
        const [vm] = loaded.fleet.vms;
        expect(await waitForGhcInHub(loaded, vm!, '9.6.6', new AbortController().signal, 100)).toBe(false);
        expect(await waitForGhcInHub(loaded, vm!, '9.6.6', AbortSignal.abort())).toBe(false);
        expect(await waitForGhcInHub(loaded, vm!, '9.4.7', new AbortController().signal, 100)).toBe(true);
      });
    });
  },
);
