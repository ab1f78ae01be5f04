import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { readProcess } from '../../../../src/process/process-identity';
import { hubAnswers } from '../../../../src/provider/services/hub-service';

const servers: (Server | HttpServer)[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function portOf(server: Server | HttpServer): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
const here = () => readProcess(process.pid)!;
const HEALTH = JSON.stringify({ service: 'buildfleet-hub' });

test('a hub that answers is well, also one that has had too many requests from others', async () => {
  for (const [status, body, expected] of [
    [200, HEALTH, true],
    [429, '{}', true],
    [200, '{}', false],
    [500, HEALTH, false],
  ] as const) {
    const port = await portOf(createHttpServer((_, response) => response.writeHead(status).end(body)));
    expect([status, await hubAnswers(here(), port)]).toEqual([status, expected]);
  }
});

test('one that hangs up because its port is kept busy is asked again', async () => {
  let asked = 0;
  const port = await portOf(
    createServer((socket) => {
      socket.on('error', () => undefined);
      asked += 1;
      if (asked < 4) socket.resetAndDestroy();
      else
        socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${HEALTH.length}\r\n\r\n${HEALTH}`));
    }),
  );
  expect(await hubAnswers(here(), port)).toBe(true);
  expect(asked).toBe(4);
});

test('another process that listens there is no hub', async () => {
  const port = await portOf(createHttpServer((_, response) => response.end(HEALTH)));
  expect(await hubAnswers(readProcess(process.ppid)!, port)).toBe(false);
});
