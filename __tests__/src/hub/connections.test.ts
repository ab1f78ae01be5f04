import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Connections } from '../../../src/hub/connections';
import { until } from '../../support/until';
import { rawRequest } from './support/running-hub';

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

test('clients of one server that wait to be identified keep none of another one out', async () => {
  const [open, own] = [await listening(), await listening()];
  const connections = new Connections((_, outgoing) => outgoing.end('served'));
  let asked = 0;
  connections.serve(open.server, () => {
    asked += 1;
    return new Promise(() => undefined);
  });
  connections.serve(own.server, () => Promise.resolve({ kind: 'operator' }));
  for (let n = 0; n < 600; n += 1) {
    const socket = connect(open.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'));
    socket.on('error', () => socket.destroy());
    sockets.push(socket);
  }
  await until('all that may wait do', 20, () => asked >= 500 && sockets.filter(({ closed }) => closed).length >= 80);
  expect((await rawRequest(`http://127.0.0.1:${own.port}/`)).text).toBe('served');
});
