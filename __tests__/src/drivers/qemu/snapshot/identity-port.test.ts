import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { giveIdentity, waitUntilWaiting } from '../../../../../src/drivers/qemu/snapshot/identity-port';
import { listenIn } from '../../../../../src/drivers/qemu/unix-socket';
import { temporaryDirectory } from '../../../../support/temporary-directory';

const SIGNAL = new AbortController().signal;
const MACHINE = { name: 'alpha', uuid: 'd2a0f6a4-8d0f-5c3e-9b1a-3f6d2c1b0a99', mac: '52:54:00:00:00:09' };

let directory: string;
let server: Server;

beforeEach(async () => {
  directory = temporaryDirectory();
  server = await listenIn(directory, 'identity.sock');
});

afterEach(() => {
  server.close();
});

/** A stand-in for QEMU's end of the port, and the guest behind it. */
async function guest(): Promise<{ readonly say: (text: string) => void; readonly lines: AsyncIterator<string> }> {
  const [socket] = (await once(server, 'connection')) as [Socket];
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  return { say: (text) => socket.write(text), lines };
}

test('gives a machine its identity, and the time whenever it asks', async () => {
  const given = giveIdentity(directory, MACHINE, 5000, SIGNAL);
  const { say, lines } = await guest();
  const told = JSON.parse((await lines.next()).value as string) as Record<string, string>;
  expect(told).toMatchObject({ machineId: 'd2a0f6a48d0f5c3e9b1a3f6d2c1b0a99', mac: MACHINE.mac });
  expect(Buffer.from(told['random'] ?? '', 'base64')).toHaveLength(32);
  for (let asked = 0; asked < 2; asked += 1) {
    say('time?\n');
    expect(Math.abs(Number((await lines.next()).value) - Date.now() / 1000)).toBeLessThan(5);
  }
  say('appl');
  say('ied\n');
  await given;
});

test('never gives two machines the same random bytes', async () => {
  const seen: string[] = [];
  for (let n = 0; n < 2; n += 1) {
    const given = giveIdentity(directory, MACHINE, 5000, SIGNAL);
    const { say, lines } = await guest();
    seen.push((await lines.next()).value as string);
    say('applied\n');
    await given;
  }
  expect(seen[0]).not.toBe(seen[1]);
});

test('says what a guest has against its identity', async () => {
  const given = expect(giveIdentity(directory, MACHINE, 5000, SIGNAL)).rejects.toMatchObject({
    code: 'snapshot-failed',
    problem: 'the guest refused its identity: there is no seed',
  });
  const { say } = await guest();
  say('refused there is no seed\n');
  await given;
});

test('gives up a guest that says nothing', async () => {
  const given = expect(giveIdentity(directory, MACHINE, 100, SIGNAL)).rejects.toMatchObject({
    code: 'snapshot-failed',
  });
  await guest();
  await given;
});

test('takes no other line for the one that a template waits with', async () => {
  let isWaiting = false;
  const waiting = waitUntilWaiting(directory, 5000, SIGNAL).then(() => (isWaiting = true));
  const { say } = await guest();
  say('something else\n');
  await new Promise(setImmediate);
  expect(isWaiting).toBe(false);
  say('waiting\n');
  await waiting;
});
