import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/process/run';
import { temporaryDirectory } from '../support/temporary-directory';
import { until } from '../support/until';

const PROGRAM = readFileSync(join(__dirname, '../../assets/cli/add-ghc.py'), 'utf8');
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';

jest.setTimeout(60_000);

describe('add-ghc.py', () => {
  let home: string;
  const bin = (name: string) => join(home, '.ghcup/bin', name);

  beforeEach(() => {
    home = temporaryDirectory();
    mkdirSync(join(home, '.ghcup/bin'), { recursive: true });
    mkdirSync(join(home, 'programs'));
  });

  function haveGhcup(mode: string): void {
    copyFileSync(join(__dirname, 'support/fake-ghcup.sh'), bin('ghcup'));
    chmodSync(bin('ghcup'), 0o755);
    writeFileSync(bin('mode'), mode);
  }

  /** Runs it as the CLI does. */
  async function addGhc(version: string, onLine: (line: string) => void = () => undefined) {
    const { stdout, stderr, exitCode } = await run(PYTHON, ['-I', '-S', '-B', '-c', PROGRAM, version], {
      env: { HOME: home, PATH: `${join(home, 'programs')}:/usr/bin:/bin` },
      acceptExitCodes: [0, 1, 3, 5],
      onLine,
    });
    expect(stderr).toBe('');
    const lines = stdout.trim().split('\n');
    const messages = lines.map((line) => JSON.parse(line) as { readonly text?: string; readonly code?: number });
    const [told, result] = [messages.slice(0, -1).map(({ text }) => text), messages.at(-1)];
    expect(result?.code).toBe(exitCode);
    return { told, result };
  }

  const calls = () => (existsSync(bin('calls')) ? readFileSync(bin('calls'), 'utf8').trim().split('\n') : []);

  test('has GHCup install it, verified, and throws the download away', async () => {
    haveGhcup('good');
    const { told, result } = await addGhc('9.10.1');
    expect(result).toEqual({
      ...{ type: 'result', ok: true, code: 0 },
      packages: [{ name: 'ghc', version: '9.10.1', change: 'added' }],
    });
    expect(calls()).toEqual(['--gpg strict --metadata-caching 0 --metadata-fetching-mode Strict install ghc 9.10.1']);
    expect(told).toContain('[ Info  ] downloading: https://downloads.example/ghc-9.10.1.tar.xz');
    expect(told).toContain('##  100%');
    expect(existsSync(join(home, '.ghcup/cache'))).toBe(false);
  });

  test('does nothing when it is there', async () => {
    haveGhcup('good');
    await addGhc('9.10.1');
    expect((await addGhc('9.10.1')).result).toMatchObject({ ok: true, packages: [{ change: 'present' }] });
    expect(calls()).toHaveLength(1);
  });

  test.each([
    ['a version that GHCup does not know', 'unknown', 3, 'ghc-unknown', /knows no GHC 9\.99\.1.*GHCup-00160/],
    ['a download that fails', 'offline', 1, 'not-installed', /could not resolve host/],
    ['a compiler that is another one', 'wrong', 1, 'not-installed', /ghc-9\.99\.1 is not that version/],
  ])('says what went wrong: %s', async (_, mode, code, word, problem) => {
    haveGhcup(mode);
    expect((await addGhc('9.99.1')).result).toMatchObject({
      ...{ ok: false, code },
      error: { code: word, problem: expect.stringMatching(problem) },
    });
  });

  test('asks the helper where GHCup is not, and hands its answer on', async () => {
    const helper = join(home, 'programs/buildfleet-helper');
    writeFileSync(helper, `#!/bin/sh\nprintf '{"type": "result", "code": 3, "asked": "%s"}\\n' "$*"\nexit 3\n`);
    chmodSync(helper, 0o755);
    const { told, result } = await addGhc('9.6.6');
    expect(told).toEqual(["this machine has no GHCup: asking for the distribution's GHC"]);
    expect(result).toEqual({ type: 'result', code: 3, asked: '--json add-ghc 9.6.6' });
  });

  test('says so when neither is there', async () => {
    expect((await addGhc('9.6.6')).result).toMatchObject({ ok: false, code: 5, error: { code: 'helper-missing' } });
  });

  test('two at once: the second waits and finds it there', async () => {
    haveGhcup('waits');
    const first = addGhc('9.10.1');
    await until('GHCup to run', 20, () => calls().length === 1);
    const told: string[] = [];
    const second = addGhc('9.10.1', (line) => told.push(line));
    await until('the second to wait', 20, () => told.some((line) => line.includes('waiting for another request')));
    writeFileSync(bin('go'), '');
    expect((await first).result).toMatchObject({ packages: [{ change: 'added' }] });
    expect((await second).result).toMatchObject({ packages: [{ change: 'present' }] });
    expect(calls()).toHaveLength(1);
  });
});
