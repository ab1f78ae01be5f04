import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { QmpError, QmpUnavailableError, connectQmp, withQmp } from '../../../../src/drivers/qemu/qmp';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { FakeQmpServer, type ReceivedCommand } from './fake-qmp-server';

const OPTIONS = { timeoutMs: 2000 };
const ok = ({ id }: ReceivedCommand) => `{"return": {}, "id": ${id}}\r\n`;

let directory: string;
let server: FakeQmpServer | undefined;

beforeEach(() => {
  directory = temporaryDirectory();
});

afterEach(() => {
  server?.close();
  server = undefined;
});

const listen = async (...args: [answer: (command: ReceivedCommand) => string | null, greeting?: string]) => {
  server = await FakeQmpServer.listen(join(directory, 's'), ...args);
  return server;
};

test('negotiates, sends arguments, and gets the answer among events that come in pieces', async () => {
  const fake = await listen((command) =>
    command.execute === 'query-status'
      ? `{"event": "RESET", "data": {}}\r\n{"return": {"status": "running"}, "id": ${command.id}}\r\n{"eve`
      : ok(command),
  );
  const status = await withQmp(directory, 's', OPTIONS, (qmp) => qmp.execute('query-status', { a: 1 }));
  expect(status).toEqual({ status: 'running' });
  expect(fake.received).toMatchObject([
    { execute: 'qmp_capabilities', arguments: {} },
    { execute: 'query-status', arguments: { a: 1 } },
  ]);
});

test('answers in another order reach the right caller', async () => {
  const held: ReceivedCommand[] = [];
  await listen((command) => {
    if (command.execute === 'qmp_capabilities') return ok(command);
    held.push(command);
    return held.length < 2
      ? ''
      : held
          .reverse()
          .map((late) => `{"return": "${late.execute}", "id": ${late.id}}\n`)
          .join('');
  });
  const answers = withQmp(directory, 's', OPTIONS, (qmp) => Promise.all([qmp.execute('one'), qmp.execute('two')]));
  expect(await answers).toEqual(['one', 'two']);
});

test('a refusal carries class and description', async () => {
  await listen((command) =>
    command.execute === 'eject'
      ? `{"error": {"class": "DeviceNotFound", "desc": "no such device"}, "id": ${command.id}}\n`
      : ok(command),
  );
  const attempt = withQmp(directory, 's', OPTIONS, (qmp) => qmp.execute('eject'));
  await expect(attempt).rejects.toMatchObject({ errorClass: 'DeviceNotFound', description: 'no such device' });
  await expect(attempt).rejects.toBeInstanceOf(QmpError);
});

test.each([
  ['hangs up', () => null, undefined],
  ['never answers', () => '', undefined],
  ['never greets', ok, ''],
  ['talks something else', ok, 'SSH-2.0-OpenSSH_10.0\r\n'],
  ['talks without an end', ok, 'x'.repeat(2 * 1024 * 1024)],
  ['sends another shape', () => '{"return": {}, "id": "one"}\n', undefined],
] as const)('a peer that %s is unavailable, in time', async (_, answer, greeting) => {
  await listen(answer, greeting);
  await expect(connectQmp(directory, 's', { timeoutMs: 300 })).rejects.toBeInstanceOf(QmpUnavailableError);
});

test('a missing socket, a missing directory and a dead socket are unavailable', async () => {
  await expect(connectQmp(directory, 's', OPTIONS)).rejects.toBeInstanceOf(QmpUnavailableError);
  await expect(connectQmp(join(directory, 'gone'), 's', OPTIONS)).rejects.toBeInstanceOf(QmpUnavailableError);
});

test('a wait ends with the signal', async () => {
  await listen((command) => (command.execute === 'qmp_capabilities' ? ok(command) : ''));
  const controller = new AbortController();
  const waiting = withQmp(directory, 's', { timeoutMs: 60_000, signal: controller.signal }, (qmp) => {
    setTimeout(() => {
      controller.abort();
    }, 20);
    return qmp.execute('query-status');
  });
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});

test('the path may be longer than a socket address', async () => {
  const deep = join(directory, 'd'.repeat(100), 'e'.repeat(100));
  mkdirSync(deep, { recursive: true });
  const here = process.cwd();
  process.chdir(deep);
  try {
    server = await FakeQmpServer.listen('s', ok);
  } finally {
    process.chdir(here);
  }
  expect(await withQmp(deep, 's', OPTIONS, (qmp) => qmp.execute('stop'))).toEqual({});
});
