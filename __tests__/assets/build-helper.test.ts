import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/process/run';
import { temporaryDirectory } from '../support/temporary-directory';
import { until } from '../support/until';
import { HOSTILE_ARGUMENTS, HOSTILE_VERSIONS } from './support/hostile-arguments';

const FILES = join(__dirname, '../../assets/haskell/files');
const CLIENT = join(FILES, 'buildfleet-helper');
const SUPPORT = join(__dirname, 'support');
/** The machines' own; a version manager's takes three times as long to start. */
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';

jest.setTimeout(120_000);

interface Message {
  readonly type: 'progress' | 'result';
  readonly text?: string;
  readonly ok?: boolean;
  readonly code?: number;
  readonly packages?: readonly { readonly name: string; readonly version: string; readonly change: string }[];
  readonly error?: { readonly code: string; readonly problem: string; readonly remedy: string };
}

describe('build-helper.py', () => {
  let machine: string;
  let unit: ChildProcess;
  let journal: string;

  const path = (name: string) => join(machine, name);
  const socket = () => path('helper.sock');
  const state = (content: Record<string, unknown>) => {
    const nothing = { installed: {}, available: { hello: '2.10-5', 'g++': '4:14.2.0-1', ghc: '9.6.6-4' } };
    writeFileSync(path('bin/state.json'), JSON.stringify({ ...nothing, ...content }));
  };
  const calls = (): string[][] =>
    existsSync(path('bin/calls.json'))
      ? readFileSync(path('bin/calls.json'), 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as string[])
      : [];
  /** What was given to apt for good. */
  const installs = () => calls().filter((argv) => argv.includes('install') && !argv.includes('--simulate'));
  const updates = () => calls().filter((argv) => argv.includes('update'));

  /** Starts what systemd does on a machine. */
  async function start(account = userInfo().username): Promise<void> {
    unit = spawn(
      PYTHON,
      ['-I', join(SUPPORT, 'fake-socket-unit.py'), socket(), PYTHON, '-I', '-S', '-B', join(FILES, 'build-helper.py')],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          PATH: `${path('bin')}:/usr/sbin:/usr/bin:/sbin:/bin`,
          BUILD_HELPER_ACCOUNT: account,
          BUILD_HELPER_LOCK: path('lock'),
          BUILD_HELPER_LISTS: path('bin/lists'),
          BUILD_HELPER_DPKG_UPDATES: path('bin/updates'),
          STATE_DIRECTORY: path('state'),
        },
      },
    );
    journal = '';
    unit.stderr?.setEncoding('utf8').on('data', (text: string) => (journal += text));
    await once(unit.stdout!, 'data');
  }

  async function stop(): Promise<void> {
    const ended = once(unit, 'exit');
    unit.kill('SIGTERM');
    await ended;
    rmSync(socket());
  }

  beforeAll(async () => {
    machine = temporaryDirectory();
    chmodSync(machine, 0o755);
    await start();
  });

  afterAll(async () => {
    await stop();
  });

  beforeEach(() => {
    for (const name of ['bin', 'state']) rmSync(path(name), { recursive: true, force: true });
    for (const name of ['bin', 'bin/lists', 'bin/updates', 'state']) mkdirSync(path(name));
    for (const tool of ['apt-get', 'apt-cache', 'dpkg-query', 'dpkg']) {
      copyFileSync(join(SUPPORT, 'fake-apt.py'), path(`bin/${tool}`));
      chmodSync(path(`bin/${tool}`), 0o755);
    }
    state({});
    journal = '';
  });

  /** A connection that has sent bytes, as they are, and what comes back. */
  function speak(content: string | Uint8Array, end = false) {
    const connection: Socket = connect(socket());
    let text = '';
    connection.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    // The helper may have refused before it had read everything.
    connection.on('error', () => undefined);
    connection.write(content);
    if (end) connection.end();
    const messages = () =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Message);
    const closed = new Promise<Message[]>((resolve) => {
      connection.once('close', () => {
        resolve(messages());
      });
    });
    return { connection, messages, closed };
  }

  const ask = (verb: unknown, args: unknown) => speak(`${JSON.stringify({ verb, arguments: args })}\n`).closed;
  const result = async (messages: Promise<readonly Message[]>) => (await messages).at(-1);

  /** The client with arguments, as a user calls it on the machine. */
  function client(...args: string[]) {
    return run(PYTHON, ['-ISB', CLIENT, ...args], {
      env: { BUILD_HELPER_SOCKET: socket() },
      acceptExitCodes: [0, 1, 2, 3, 4, 5],
    });
  }

  describe('add-package', () => {
    test('fetches lists that are missing, installs, and says what it did', async () => {
      const messages = await ask('add-package', ['hello', 'g++']);
      expect(messages.at(-1)).toEqual({
        type: 'result',
        ok: true,
        code: 0,
        packages: [
          { name: 'hello', version: '2.10-5', change: 'added' },
          { name: 'g++', version: '4:14.2.0-1', change: 'added' },
        ],
      });
      const told = messages.slice(0, -1).map(({ text }) => text);
      expect(told).toContain('fetching package lists');
      expect(told).toContain('installing hello g++');
      expect(told).toContain('Setting up hello (2.10-5) ... [31m');
      expect(installs()).toHaveLength(1);
      const [argv = []] = installs();
      expect(argv.slice(-4)).toEqual(['install', '--', 'hello', 'g++']);
      for (const option of ['--yes', '--no-remove', '--no-install-recommends']) expect(argv).toContain(option);
      expect(argv.join(' ')).not.toMatch(/allow-(unauthenticated|remove|change|downgrades(?!=false))/);
      expect(journal).toMatch(new RegExp(`uid ${process.getuid?.()}, pid \\d+ asks for: add-package hello g\\+\\+\n`));
      await until('the end in the journal', 5, () => /: done: .*"hello"/.test(journal));
    });

    test('does nothing a second time, and asks neither the archive nor apt', async () => {
      await ask('add-package', ['hello']);
      rmSync(path('bin/calls.json'));
      expect(await result(ask('add-package', ['hello', 'hello']))).toMatchObject({
        ok: true,
        packages: [{ name: 'hello', version: '2.10-5', change: 'present' }],
      });
      expect(calls().map(([tool]) => tool)).not.toContain('apt-get');
    });

    test('fetches lists again when they are a day old, and not before', async () => {
      state({ available: { hello: '1', 'hello-2': '1', 'hello-3': '1' } });
      await ask('add-package', ['hello']);
      await ask('add-package', ['hello-2']);
      expect(updates()).toHaveLength(1);
      const yesterday = Date.now() / 1000 - 25 * 3600;
      utimesSync(path('state/apt-updated'), yesterday, yesterday);
      await ask('add-package', ['hello-3']);
      expect(updates()).toHaveLength(2);
    });

    test('a package that is new in the archive is found', async () => {
      await ask('add-package', ['hello']);
      state({ published: { 'new-one': '1.0' } });
      expect(await result(ask('add-package', ['new-one']))).toMatchObject({ ok: true });
    });

    test('files that the archive has replaced are asked for once more', async () => {
      await ask('add-package', ['hello']);
      state({ movedOn: true });
      expect(await result(ask('add-package', ['g++']))).toMatchObject({ ok: true });
      expect(updates()).toHaveLength(2);
    });

    test.each([
      ['is unknown', {}, ['hello', 'unheard-of'], 3, 'package-unknown', /no package unheard-of$/],
      ['needs another removed', { removes: ['openssh-server'] }, ['hello'], 4, 'would-remove', /remove openssh-server/],
      ['needs a downgrade', { downgrades: true }, ['hello'], 4, 'would-downgrade', /downgrade/],
    ])('a package that %s is refused, and nothing is installed', async (_, content, names, code, word, problem) => {
      state(content);
      const refused = await result(ask('add-package', names));
      expect(refused).toMatchObject({
        ok: false,
        code,
        error: { code: word, problem: expect.stringMatching(problem) },
      });
      expect(installs()).toEqual([]);
    });

    test.each([
      ['the archive cannot be reached', { offline: true }, 'lists-not-fetched', /Failed to fetch/],
      ['dpkg fails', { fails: true }, 'not-installed', /dpkg returned an error code/],
    ])('when %s the error says what apt said', async (_, content, word, problem) => {
      state(content);
      const failed = await result(ask('add-package', ['hello']));
      expect(failed).toMatchObject({
        ok: false,
        code: 1,
        error: { code: word, problem: expect.stringMatching(problem) },
      });
    });

    test('what a power cut interrupted is finished first', async () => {
      writeFileSync(path('bin/updates/0003'), '');
      await ask('add-package', ['hello']);
      const order = calls().map(([tool, first]) => (tool === 'dpkg' ? 'dpkg' : first === 'policy' ? 'policy' : ''));
      expect(order.indexOf('dpkg')).toBeGreaterThan(order.indexOf('policy'));
      expect(calls().find(([tool]) => tool === 'dpkg')).toContain('--configure');
    });

    test('a daemon that a package starts does not keep the request open', async () => {
      state({ daemon: true });
      expect(await result(ask('add-package', ['hello']))).toMatchObject({ ok: true });
      process.kill(Number(readFileSync(path('bin/daemon'), 'utf8')), 'SIGKILL');
    });
  });

  describe('add-ghc', () => {
    test('installs the distribution’s version, and once only', async () => {
      expect(await result(ask('add-ghc', ['9.6.6']))).toMatchObject({
        ok: true,
        packages: [{ name: 'ghc', version: '9.6.6', change: 'added' }],
      });
      expect(await result(ask('add-ghc', ['9.6.6']))).toMatchObject({
        ok: true,
        packages: [{ name: 'ghc', version: '9.6.6', change: 'present' }],
      });
      expect(installs()).toHaveLength(1);
    });

    test.each([
      ['the archive has another', {}],
      ['another is installed', { installed: { ghc: '9.6.6-4' }, available: { ghc: '9.8.4-1' } }],
    ])('is refused with the version there is when %s', async (_, content) => {
      state(content);
      expect(await result(ask('add-ghc', ['9.8.4']))).toMatchObject({
        ok: false,
        code: 3,
        error: { code: 'ghc-unknown', problem: 'GHC 9.8.4 cannot be had from the distribution, which has 9.6.6' },
      });
      expect(installs()).toEqual([]);
    });
  });

  describe('hostile requests', () => {
    afterEach(() => {
      expect(calls()).toEqual([]);
    });

    test.each(HOSTILE_ARGUMENTS)('add-package with %s', async (_, ...args) => {
      const spoken = await result(ask('add-package', args));
      expect(spoken).toMatchObject({ ok: false, code: 2, error: { code: 'request-invalid' } });
      const called = await client('add-package', ...args);
      expect(called.exitCode).toBe(2);
      expect(called.stdout).toBe('');
      // eslint-disable-next-line no-control-regex -- nothing of it may reach a terminal
      expect(called.stderr).toMatch(/^buildfleet-helper: [^\u0000-\u001f\u007f-\uffff]+\n$/);
    });

    test.each(HOSTILE_VERSIONS)('add-ghc with %s', async (_, ...args) => {
      expect(await result(ask('add-ghc', args))).toMatchObject({ ok: false, code: 2 });
      expect((await client('add-ghc', ...args)).exitCode).toBe(2);
    });

    test.each([
      ['a NUL', '{"verb": "add-package", "arguments": ["hello\\u0000"]}\n'],
      ['a NUL as it is', '{"verb": "add-package", "arguments": ["hello\u0000"]}\n'],
      ['a lone surrogate', '{"verb": "add-package", "arguments": ["hello\\ud800"]}\n'],
      ['bytes that are no UTF-8', Buffer.from('{"verb": "add-package", "arguments": ["h\xe9llo"]}\n', 'latin1')],
      ['an unknown verb', '{"verb": "remove-package", "arguments": ["hello"]}\n'],
      ['a verb that is a path', '{"verb": "../add-package", "arguments": ["hello"]}\n'],
      ['a verb in upper case', '{"verb": "ADD-PACKAGE", "arguments": ["hello"]}\n'],
      ['a verb that is a list', '{"verb": ["add-package"], "arguments": ["hello"]}\n'],
      ['a verb that is an object', '{"verb": {}, "arguments": ["hello"]}\n'],
      ['a verb that is null', '{"verb": null, "arguments": ["hello"]}\n'],
      ['no verb', '{"arguments": ["hello"]}\n'],
      ['no arguments', '{"verb": "add-package"}\n'],
      ['an empty list', '{"verb": "add-package", "arguments": []}\n'],
      ['arguments that are text', '{"verb": "add-package", "arguments": "hello"}\n'],
      ['arguments that are an object', '{"verb": "add-package", "arguments": {"hello": 1}}\n'],
      ['an argument that is a number', '{"verb": "add-package", "arguments": ["hello", 1]}\n'],
      ['an argument that is a list', '{"verb": "add-package", "arguments": [["hello"]]}\n'],
      ['an argument that is null', '{"verb": "add-package", "arguments": [null]}\n'],
      ['an argument that is true', '{"verb": "add-package", "arguments": [true]}\n'],
      ['an extra key', '{"verb": "add-package", "arguments": ["hello"], "force": true}\n'],
      ['a key that stands twice', '{"verb": "add-ghc", "verb": "add-package", "arguments": ["hello"]}\n'],
      ['a list', '["add-package", "hello"]\n'],
      ['a number', '1\n'],
      ['no JSON', 'add-package hello\n'],
      ['nothing', '\n'],
      ['nesting without end', `${'['.repeat(60_000)}\n`],
      [
        'two requests',
        '{"verb": "add-package", "arguments": ["hello"]}\n{"verb": "add-package", "arguments": ["vim"]}\n',
      ],
      ['10,000 names', `${JSON.stringify({ verb: 'add-package', arguments: Array(10_000).fill('hello') })}\n`],
      ['a line of 10 MB', `${JSON.stringify({ verb: 'add-package', arguments: ['a'.repeat(10_000_000)] })}\n`],
      ['10 MB without an end', 'a'.repeat(10_000_000)],
    ])('a request with %s', async (_, content) => {
      const { closed } = speak(content);
      expect((await closed).at(-1)).toMatchObject({ ok: false, code: 2, error: { code: 'request-invalid' } });
    });

    test('a request that ends too early', async () => {
      const { closed } = speak('{"verb": "add-package", "arguments": ["hello"]}', true);
      expect((await closed).at(-1)).toMatchObject({ ok: false, code: 2 });
    });

    test('10,000 names through the client', async () => {
      const { exitCode, stderr } = await client('add-package', ...Array<string>(10_000).fill('hello'));
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/longer than 65536 bytes/);
    });

    test('an argument that is no UTF-8, through the client', () => {
      const { status } = spawnSync('bash', ['-c', `exec ${PYTHON} -ISB ${CLIENT} add-package $'h\\xe9llo'`], {
        env: { ...process.env, BUILD_HELPER_SOCKET: socket() },
      });
      expect(status).toBe(2);
    });

    test('options of the client stand before the verb only', async () => {
      expect((await client('add-package', '--json', 'hello')).exitCode).toBe(2);
      expect((await client('--verbose')).exitCode).toBe(2);
      expect((await client()).exitCode).toBe(2);
    });
  });

  test('the journal gets one line for every request, hostile ones included', async () => {
    await ask('add-package', ['hello\nuid 0, pid 1 asks for: add-ghc 9.6.6']);
    await until('the line', 5, () => journal.includes('request-invalid'));
    expect(journal.trim().split('\n')).toHaveLength(1);
  });

  test('every account but build and root is refused', async () => {
    const script = `
import json, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(b'{"verb": "add-package", "arguments": ["hello"]}\\n')
print(connection.makefile().read())`;
    const asNobody = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
    if (asNobody.length === 0) {
      // Without root the account is another one instead.
      await stop();
      await start('root');
    }
    const { stdout } = await run('env', [...asNobody, PYTHON, '-I', '-c', script, socket()]);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, code: 4, error: { code: 'not-permitted' } });
    expect(calls()).toEqual([]);
    if (asNobody.length === 0) {
      await stop();
      await start();
    }
  });

  test('one request at a time: the second is told for what it waits, and one that gives up is forgotten', async () => {
    state({ waits: true, available: { hello: '1', second: '1', third: '1' } });
    const first = speak('{"verb": "add-package", "arguments": ["hello"]}\n');
    await until('apt to work', 20, () => installs().length === 1);
    const second = speak('{"verb": "add-package", "arguments": ["second"]}\n');
    const third = speak('{"verb": "add-package", "arguments": ["third"]}\n');
    const waits = { type: 'progress', text: 'waiting for another request: add-package hello' };
    await until('both to wait', 20, () => [second, third].every(({ messages }) => messages().length === 1));
    expect([second, third].map(({ messages }) => messages())).toEqual([[waits], [waits]]);
    third.connection.destroy();
    await until('the third to be gone', 20, () => journal.includes('client-gone'));
    writeFileSync(path('bin/go'), '');
    expect((await first.closed).at(-1)).toMatchObject({ ok: true });
    expect((await second.closed).at(-1)).toMatchObject({ ok: true });
    expect(installs().map((argv) => argv.at(-1))).toEqual(['hello', 'second']);
  });

  test('a client that goes away does not stop apt', async () => {
    state({ waits: true });
    const { connection } = speak('{"verb": "add-package", "arguments": ["hello"]}\n');
    await until('apt to work', 20, () => installs().length === 1);
    connection.destroy();
    writeFileSync(path('bin/go'), '');
    await until('the end', 20, () => journal.includes(': done: '));
    expect(await result(ask('add-package', ['hello']))).toMatchObject({ packages: [{ change: 'present' }] });
  });

  describe('the client', () => {
    test('prints progress on one stream and the result on the other', async () => {
      const { stdout, stderr, exitCode } = await client('add-package', 'hello');
      expect([stdout, exitCode]).toEqual(['hello 2.10-5 added\n', 0]);
      expect(stderr).toMatch(/^fetching package lists\n/);
      expect(stderr).toMatch(/\ninstalling hello\n/);
    });

    test('hands everything on as it came with --json', async () => {
      const { stdout, stderr, exitCode } = await client('--json', 'add-package', 'unheard-of');
      const lines = stdout.trim().split('\n');
      expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ ok: false, code: 3 });
      expect(lines.length).toBeGreaterThan(1);
      expect([stderr, exitCode]).toEqual(['', 3]);
    });

    test('says where it found no helper', async () => {
      const { stderr, exitCode } = await run(PYTHON, ['-ISB', CLIENT, 'add-package', 'hello'], {
        env: { BUILD_HELPER_SOCKET: path('nowhere') },
        acceptExitCodes: [5],
      });
      expect(exitCode).toBe(5);
      expect(stderr).toBe(`buildfleet-helper: ${path('nowhere')}: No such file or directory\n`);
    });
  });
});
