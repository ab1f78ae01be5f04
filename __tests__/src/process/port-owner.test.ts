import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { userInfo } from 'node:os';
import fc from 'fast-check';
import {
  describePortOwner,
  listensOn,
  parseTcpTable,
  portOwner,
  processesOnLocalPort,
  settledPortOwner,
} from '../../../src/process/port-owner';

const servers: Server[] = [];
const listen = async (host: string) => {
  const server = createServer();
  servers.push(server);
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
};
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((closed) => server.close(closed))));
});

test.each(['127.0.0.1', '0.0.0.0', '::'])('the listener on %s is named', async (host) => {
  const port = await listen(host);
  expect(portOwner(port)).toEqual({ pid: process.pid, program: 'node', user: userInfo().username });
  expect(listensOn(process.pid, port)).toBe(true);
  expect(processesOnLocalPort(port)).toEqual([process.pid]);
});

test.each(['127.0.0.2', '::1'])('a listener on %s takes nothing from 127.0.0.1', async (host) => {
  expect(portOwner(await listen(host))).toBeNull();
});

/** A process that prints the port on which it listens. */
const listener = () =>
  spawn(process.execPath, [
    '-e',
    "const s=require('net').createServer().listen(0,'127.0.0.1',()=>console.log(s.address().port))",
  ]);

test('another process is told from this one', async () => {
  const child = listener();
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(line.toString());
    expect(portOwner(port)?.pid).toBe(child.pid);
    expect(listensOn(process.pid, port)).toBe(false);
  } finally {
    child.kill('SIGKILL');
  }
});

test('a process that was just killed is given time to let go of its port', async () => {
  const child = listener();
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  expect((await settledPortOwner(port))?.pid).toBe(child.pid);
  process.kill(child.pid ?? 0, 'SIGKILL');
  await once(child, 'exit');
  expect(await settledPortOwner(port)).toBeNull();
});

test('a free port has no owner', async () => {
  const port = await listen('127.0.0.1');
  await new Promise((closed) => servers.splice(0)[0]!.close(closed));
  expect(portOwner(port)).toBeNull();
});

test('what is hidden is left out of the text', () => {
  expect(describePortOwner({ pid: 7, program: 'python3', user: 'alice' })).toBe('python3 (pid 7, user alice)');
  expect(describePortOwner({ pid: null, program: null, user: 'bob' })).toBe('a program (user bob)');
});

test('the table of the kernel is read with any addresses and ports', () => {
  const byte = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(
      fc.tuple(byte, byte, byte, byte),
      fc.integer({ min: 0, max: 65535 }),
      fc.boolean(),
      fc.nat(),
      fc.nat(),
      (address, port, listening, uid, inode) => {
        const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0');
        const reversed = [...address]
          .reverse()
          .map((value) => hex(value, 2))
          .join('');
        const row = `   0: ${reversed}:${hex(port, 4)} 00000000:0000 ${listening ? '0A' : '01'} 00000000:00000000 00:00000000 00000000 ${String(uid).padStart(5)}        0 ${inode} 1 0000 100 0 0 10 0`;
        expect(parseTcpTable(`  sl  local_address rem_address\n${row}\n`)).toEqual([
          { localAddress: address.join('.'), localPort: port, listening, uid, inode },
        ]);
      },
    ),
  );
  fc.assert(fc.property(fc.string(), (noise) => Array.isArray(parseTcpTable(noise))));
});
