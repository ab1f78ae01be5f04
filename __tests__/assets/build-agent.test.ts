import { once } from 'node:events';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { newCapabilitySchema, parseInstanceFacts, parseInstanceKeywords } from '../../src/model/capability';
import { CommandError, run } from '../../src/process/run';
import { agentKeywords } from '../support/agent-keywords';
import { temporaryDirectory } from '../support/temporary-directory';
import { until } from '../support/until';
import { answer, bodyOf, type Misbehaviour, StandInHub } from './support/stand-in-hub';

const AGENT = join(__dirname, '../../assets/haskell/files/build-agent.py');
const TITLE = 'Haskell Build Agent — haskell-build-alpha';
const ENTRY = {
  domain: 'railiance',
  capability_type: 'haskell-build-agent',
  title: TITLE,
  description: 'from before',
  keywords: [],
};

jest.setTimeout(40_000);

describe('build-agent.py', () => {
  let machine: string;
  let hub: StandInHub;
  let stops: (() => Promise<void>)[];

  beforeEach(async () => {
    machine = temporaryDirectory();
    stops = [];
    hub = new StandInHub();
    await hub.listen();
  });

  afterEach(async () => {
    for (const stop of stops) await stop();
    await hub.close();
  });

  /** Starts the agent as the unit does. The returned lines grow as it logs. */
  function start(environment: Record<string, string> = {}): string[] {
    const lines: string[] = [];
    const abort = new AbortController();
    const finished = run('python3', ['-I', '-S', '-B', AGENT], {
      signal: abort.signal,
      onLine: (line) => lines.push(line),
      env: {
        STATE_HUB_URL: hub.url,
        STATE_HUB_DOMAIN: 'railiance',
        REMOTE_PORT: '12221',
        HEARTBEAT_SECONDS: '0.2',
        BUILD_HOST_NAME: 'haskell-build-alpha',
        GHCUP_DIRECTORY: join(machine, '.ghcup'),
        DPKG_STATUS: join(machine, 'status'),
        BUILD_DIRECTORY: machine,
        ...environment,
      },
    }).catch((error: unknown) => {
      if (!(error instanceof CommandError) || !error.cancelled) lines.push(`ended: ${String(error)}`);
    });
    stops.push(async () => {
      abort.abort();
      await finished;
    });
    return lines;
  }

  /** Holds a lock in a process of its own, as a build does, until the test ends or the answer is called. */
  async function hold(path: string, kind: 'LOCK_EX' | 'LOCK_SH'): Promise<() => Promise<void>> {
    const abort = new AbortController();
    let held = false;
    const script = `import fcntl, sys, time
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.${kind})
print("held", flush=True)
time.sleep(600)`;
    const finished = run('python3', ['-c', script, path], { signal: abort.signal, onLine: () => (held = true) }).catch(
      (error: unknown) => {
        if (!(error instanceof CommandError) || !error.cancelled) throw error;
      },
    );
    const release = async () => {
      abort.abort();
      await finished;
    };
    stops.push(release);
    await until(`the lock of ${path}`, 10, () => held);
    return release;
  }

  const own = () => [...hub.entries.values()].filter((entry) => entry.title === TITLE);
  const registered = () => until('registration', 10, () => own()[0]);
  const requestsFromNow = async (number: number) => {
    const before = hub.requests.length;
    await until(`${number} more requests`, 15, () => hub.requests.length >= before + number);
  };

  test('registers what the contract asks for, and no second time', async () => {
    start();
    expect(await registered()).toMatchObject({
      domain: 'railiance',
      capability_type: 'haskell-build-agent',
      title: TITLE,
      keywords: agentKeywords({ ghcVersions: [], hostName: 'haskell-build-alpha', tunnelPort: 12221 }),
    });
    await requestsFromNow(6);
    expect(hub.requests[0]?.what).toBe('GET');
    // Not the whole catalog with each heartbeat.
    expect(hub.requests[0]?.query.get('title')).toBe(TITLE);
    expect(hub.count('POST')).toBe(1);
    expect(hub.count('PATCH')).toBeGreaterThan(1);
    expect(own()[0]?.description).toMatch(
      /^Compiles Haskell for this fleet\. ghc=none cabal=none host=haskell-build-alpha address=\S+ tunnel-port=12221 cpus=\d+ memory=\d+MiB memory-free=\d+MiB disk-free=\d+MiB load=\d+\.\d\d uptime=\d+s builds=none clock=unknown heartbeat=0\.2s seen=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
    );
  });

  test('reports the toolchains of GHCup and of the distribution, and follows them', async () => {
    mkdirSync(join(machine, '.ghcup/bin'), { recursive: true });
    for (const version of ['9.6.6', '9.10.1', '9.8.4', 'not-a-version']) {
      mkdirSync(join(machine, '.ghcup/ghc', version), { recursive: true });
    }
    symlinkSync('ghc-9.8', join(machine, '.ghcup/bin/ghc'));
    symlinkSync('ghc-9.8.4', join(machine, '.ghcup/bin/ghc-9.8'));
    writeFileSync(join(machine, '.ghcup/bin/cabal-3.12.1.0'), '');
    writeFileSync(join(machine, 'status'), DPKG_STATUS);
    start();
    const entry = await registered();
    const ghcVersions = ['9.8.4', '9.10.1', '9.6.6', '9.4.7'];
    const facts = { ghcVersions, hostName: 'haskell-build-alpha', tunnelPort: 12221 };
    expect(entry.keywords).toEqual(agentKeywords(facts));
    expect(parseInstanceKeywords(entry.keywords)).toEqual(facts);
    expect(entry.description).toContain('cabal=3.12.1.0 ');
    mkdirSync(join(machine, '.ghcup/ghc/9.12.2'));
    await until('the new GHC', 10, () => own()[0]?.keywords.includes('ghc-9.12.2'));
  });

  test.each([
    ['80 versions', Array.from({ length: 80 }, (_, minor) => `9.${minor}.1`)],
    ['long versions', [`9.${'1'.repeat(9)}${'.1'.repeat(100)}`, '9.6.6']],
    ['digits of other scripts', ['9.²', '٩.٨.٤', '9.８', '9.6.6']],
    ['what is no version', ['9..6', '9.6.', '.9', '9.6.6\n', '9.6\u001b[2J', '-9.6', '9.6.6']],
  ])('registers with what the hub takes where builds made directories of %s', async (_, names) => {
    for (const name of names) mkdirSync(join(machine, '.ghcup/ghc', name), { recursive: true });
    mkdirSync(join(machine, '.ghcup/bin'));
    for (const name of names) writeFileSync(join(machine, '.ghcup/bin', `cabal-${name}`), '');
    mkdirSync(join(machine, '.buildfleet'));
    symlinkSync('ghc-9.6.6', join(machine, '.ghcup/bin/ghc'));
    start();
    const entry = await registered();
    expect(newCapabilitySchema.safeParse(entry).error).toBeUndefined();
    expect(entry.keywords).toContain(names.includes('9.6.6') ? 'ghc-9.6.6' : 'ghc-9.79.1');
    if (names.includes('9.6.6')) expect(parseInstanceKeywords(entry.keywords).ghcVersions).toEqual(['9.6.6']);
    // The longest description: versions and workspaces together.
    expect(entry.description.length).toBeLessThan(4000 - 2000);
  });

  test('reports the workspaces whose lock a build holds', async () => {
    const locks = join(machine, '.buildfleet');
    mkdirSync(locks);
    for (const name of ['idle.run', 'other.log']) writeFileSync(join(locks, name), '');
    await hold(join(locks, 'lib-2e.run'), 'LOCK_EX');
    await hold(join(locks, 'app-1f.run'), 'LOCK_EX');
    await hold(join(locks, 'a b,c=d.run'), 'LOCK_EX');
    await hold(join(locks, 'read.run'), 'LOCK_SH');
    const release = await hold(join(locks, 'short.run'), 'LOCK_EX');
    // What cannot be opened cannot have been locked.
    for (const name of ['lib-2e.run', 'app-1f.run']) chmodSync(join(locks, name), 0);
    start();
    const builds = () => /builds=(\S+)/.exec(own()[0]?.description ?? '')?.[1];
    await until('all builds', 10, () => builds() === 'a_b_c_d,app-1f,lib-2e,short');
    await release();
    await until('the end of one', 10, () => builds() === 'a_b_c_d,app-1f,lib-2e');
  });

  describe('whose hub tells the time', () => {
    const HOUR = 3600;
    let asked: number;

    /** @param ahead how far our clock is from the hub's, in seconds */
    async function startWithClock(ahead: number, answers: (asked: number) => string): Promise<string[]> {
      asked = 0;
      hub.misbehave = (_, response) => {
        response.setHeader('Unix-Time', (Date.now() / 1000 - ahead).toFixed(3));
        return false;
      };
      const clock = createServer((connection) => connection.end(answers(++asked)));
      stops.push(async () => {
        await once(clock.close(), 'close');
      });
      const path = join(machine, 'clock.sock');
      await once(clock.listen(path), 'listening');
      return start({ BUILD_CLOCK_SOCKET: path });
    }
    const reported = () => parseInstanceFacts(own()[0]?.description ?? '').clockAheadSeconds;

    test.each([HOUR, -61])('a clock that is %d s ahead is put right, and is then reported as right', async (ahead) => {
      const lines = await startWithClock(ahead, () => `corrected ${ahead}.000\n`);
      await registered();
      expect(reported()).toBe(0);
      expect(lines).toContain(`put the clock right, which was ${ahead}.000 s ahead`);
    });

    test('a clock that is right is not touched', async () => {
      await startWithClock(0.1, () => 'right 0.000\n');
      await registered();
      await requestsFromNow(4);
      expect([asked, Math.abs(reported() ?? NaN) < 0.5]).toEqual([0, true]);
    });

    test.each([
      ['cannot', 'failed the State Hub does not answer\n', 'the State Hub does not answer'],
      ['says nothing', '', 'no answer'],
      ['says what it should not', 'x'.repeat(1000), 'no answer'],
    ])('what %s put it right is told once, and the difference is reported', async (_, answers, reason) => {
      const lines = await startWithClock(-61, () => answers);
      await until('the report', 10, () => Math.abs((reported() ?? 0) + 61) < 2);
      await until('another try', 10, () => asked > 2);
      expect(lines.filter((line) => line.includes('clock'))).toEqual([`the clock cannot be put right: ${reason}`]);
    });
  });

  test('adopts its entry, keeps the oldest of several and leaves the entries of others alone', async () => {
    const newer = hub.add(ENTRY, '2026-03-01T00:00:00Z');
    const oldest = hub.add(ENTRY, '2026-01-01T00:00:00Z');
    const others = [
      hub.add({ ...ENTRY, title: 'Haskell Build Agent — haskell-build-beta' }),
      hub.add({ ...ENTRY, capability_type: 'other' }),
    ].map((entry) => ({ ...entry }));
    start();
    await until('the duplicate to go', 10, () => !hub.entries.has(newer.id));
    await until('the update', 10, () => hub.entries.get(oldest.id)?.description !== 'from before');
    expect(hub.count('POST')).toBe(0);
    expect(others.map(({ id }) => hub.entries.get(id))).toEqual(others);
  });

  test('registers again when its entry was deleted', async () => {
    start();
    hub.entries.delete((await registered()).id);
    expect((await registered()).id).toBe('2');
  });

  test.each([404, 405])('a hub that answers %d to PATCH and DELETE is only looked at from then on', async (status) => {
    hub.add(ENTRY);
    hub.add(ENTRY);
    hub.misbehave = (request, response) => {
      if (request.method !== 'PATCH' && request.method !== 'DELETE') return false;
      answer(response, status, { detail: 'no' });
      return true;
    };
    const lines = start();
    await until('the end of tries', 10, () => lines.some((line) => line.includes('cannot update')));
    await requestsFromNow(5);
    expect([hub.count('POST'), hub.count('PATCH'), hub.count('DELETE')]).toEqual([0, 1, 1]);
    hub.entries.clear();
    await registered();
    expect(hub.count('POST')).toBe(1);
    await requestsFromNow(3);
    expect([hub.count('POST'), hub.count('PATCH')]).toEqual([1, 1]);
  });

  test('a POST whose answer is lost is not sent again, even if its entry appears late', async () => {
    hub.misbehave = (request, response) => {
      if (request.method !== 'POST') return false;
      setTimeout(() => hub.add(bodyOf(request)), 2500);
      response.destroy();
      return true;
    };
    const lines = start();
    await until('adoption', 10, () => lines.some((line) => line.startsWith('adopted entry 1')));
    await requestsFromNow(4);
    expect(hub.count('POST')).toBe(1);
    expect(own()).toHaveLength(1);
  });

  const troubles: [string, Misbehaviour, RegExp][] = [
    ['redirects', redirect, /GET was redirected \(status 307\)/],
    ['sends without end', endless, /larger than 1048576 bytes/],
    ['fails', failing, /status 500/],
    ['sends no JSON', (_, response) => Boolean(response.end('<html>')), /not JSON/],
    ['nests too deep', (_, response) => Boolean(response.end('['.repeat(500_000))), /not JSON/],
    ['sends no list', (_, response) => (answer(response, 200, 'x'), true), /not a list/],
    ['breaks off', breaksOff, /ended after \d+ of \d+ bytes/],
    [
      'gives an id that is a path',
      (_, response) => (answer(response, 200, [{ ...ENTRY, id: '../x' }]), true),
      /cannot be used in a path/,
    ],
  ];
  test.each(troubles)('a hub that %s is named in the log and asked again', async (_, misbehave, message) => {
    hub.misbehave = misbehave;
    const lines = start();
    await until('the message', 10, () => lines.some((line) => message.test(line)));
    hub.misbehave = () => false;
    await registered();
    expect(hub.requests.every(({ what }) => !what.includes('x'))).toBe(true);
    expect(lines.join('\n')).not.toMatch(/Traceback|ended:/);
  });

  test('a hub that drips its answer is given up after ten seconds', async () => {
    hub.misbehave = (_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('['), 100);
      response.on('close', () => {
        clearInterval(drip);
      });
      return true;
    };
    const lines = start();
    await until('the message', 14, () => lines.some((line) => line.includes('GET took longer than 10 s')));
    hub.misbehave = () => false;
    await registered();
  });

  test('asks at most a second apart while the tunnel comes up, and says only once that it waits', async () => {
    await hub.close();
    const lines = start();
    await until('the message', 10, () => lines.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 5000));
    const opened = Date.now();
    await hub.listen();
    await registered();
    // a second between two attempts, and another for a machine that is busy; a growing delay would be four by now
    expect((hub.requests[0]?.at ?? Infinity) - opened).toBeLessThan(2000);
    await until('the message', 10, () => lines.includes('the hub answers'));
    expect(lines.filter((line) => line.startsWith('waiting for the tunnel'))).toHaveLength(1);
  });

  test.each([
    [{ STATE_HUB_DOMAIN: '' }, 'STATE_HUB_DOMAIN'],
    [{ REMOTE_PORT: '' }, 'REMOTE_PORT'],
    [{ REMOTE_PORT: '70000' }, 'REMOTE_PORT'],
    [{ HEARTBEAT_SECONDS: 'nan' }, 'HEARTBEAT_SECONDS'],
    [{ STATE_HUB_URL: 'https://127.0.0.1:18000' }, 'STATE_HUB_URL'],
    [{ STATE_HUB_URL: 'http://user@127.0.0.1' }, 'STATE_HUB_URL'],
  ])(
    'ends with the code that systemd does not restart for when the settings are wrong: %p',
    async (environment, name) => {
      const lines = start(environment);
      await until('the end', 10, () => lines.some((line) => line.includes('exit code 78')));
      expect(lines.join('\n')).toContain(name);
      expect(hub.requests).toHaveLength(0);
    },
  );
});

function redirect(...[, response]: Parameters<Misbehaviour>): boolean {
  response.writeHead(307, { location: '/x' }).end();
  return true;
}

function failing(...[, response]: Parameters<Misbehaviour>): boolean {
  answer(response, 500, {});
  return true;
}

function endless(...[, response]: Parameters<Misbehaviour>): boolean {
  response.writeHead(200);
  const more = (): void => {
    while (!response.destroyed && response.write(' '.repeat(65536)));
    response.once('drain', more);
  };
  more();
  return true;
}

function breaksOff(...[, response]: Parameters<Misbehaviour>): boolean {
  response.writeHead(200, { 'content-length': '1000' });
  response.write('[');
  setTimeout(() => response.destroy(), 100);
  return true;
}

const DPKG_STATUS = `Package: gcc
Status: install ok installed
Version: 4:14.2.0-1

Package: ghc
Status: install ok installed
Architecture: amd64
Version: 9.4.7-5

Package: cabal-install
Status: deinstall ok config-files
Version: 3.10.3.0-3
`;
