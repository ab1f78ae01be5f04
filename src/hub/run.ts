import { mkdirSync } from 'node:fs';
import { createServer, type Server, type ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { DEFAULT_HUB_EXPIRY_DAYS } from '../model/defaults';
import { FleetError } from '../model/errors';
import { printable } from '../model/printable';
import { TunnelSessions } from '../process/tunnel-sessions';
import { version } from '../../package.json';
import { claimDatabase } from './claim';
import { TcpClients, type HubClientIdentity } from './clients';
import { Connections, type Answer } from './connections';
import { listenOnSocket, operatorSocket } from './operator-socket';
import { createHubApp } from './server';
import { ALL_CONNECTIONS } from './shares';
import { openHubStore } from './store';
import { watchTunnels } from './tunnels';

/** How to run a hub. */
export interface RunHubOptions {
  /** Only `127.0.0.1`: the hub has no login. */
  readonly host: string;
  /** 0 takes a free port, which `onListening` is told. */
  readonly port: number;
  /** File of the database; its directory is made when absent. */
  readonly database: string;
  /** Stops the hub: requests under way are answered, the database is closed. */
  readonly signal: AbortSignal;
  /**
   * The private sshd's authorized_keys. With it a VM writes only what is its own, the operator through a socket beside the
   * database, and all others read. Without it every client of the port may write.
   */
  readonly tunnels?: string;
  /** Days after which the entry of a machine without heartbeats is deleted. Default {@link DEFAULT_HUB_EXPIRY_DAYS}. */
  readonly expiryDays?: number;
  readonly onListening?: (hub: { readonly url: string; readonly port: number }) => void;
  /** Gets lines that the operator has to read. Default: standard error. */
  readonly warn?: (line: string) => void;
}

/** Milliseconds that requests under way get once the hub is told to stop. */
const STOP_GRACE_MS = 2000;

/** Milliseconds without a byte in either direction after which a connection is cut. Event streams send more often. */
const IDLE_MS = 10_000;

const DAY_MS = 24 * 60 * 60 * 1000;

/** Milliseconds between two looks for old entries. The first is late: after weeks off, VMs come back before it. */
const EXPIRY_INTERVAL_MS = 60 * 60 * 1000;

const SERVER_OPTIONS: ServerOptions = {
  headersTimeout: 5000,
  requestTimeout: 10_000,
  // How soon the two are noticed.
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 8 * 1024,
};

/**
 * Serves a hub until `signal` fires.
 *
 * @throws FleetError `hub-host`, `hub-database-in-use`, `hub-port-in-use`, `hub-storage`, `hub-database-foreign` or
 *   `hub-database-newer`; nothing is left running then.
 */
export async function runHub(options: RunHubOptions): Promise<void> {
  const { host, database, signal } = options;
  if (host !== '127.0.0.1') {
    throw new FleetError({
      code: 'hub-host',
      problem: 'the State Hub has no login and serves 127.0.0.1 only',
      value: host,
      remedy: 'use --host 127.0.0.1; virtual machines reach it through their tunnels',
    });
  }
  makeDirectory(dirname(database));
  const claim = claimDatabase(database);
  try {
    let answer: Answer = (_incoming, outgoing) => outgoing.writeHead(503).end();
    const connections = new Connections((incoming, outgoing, client) => {
      answer(incoming, outgoing, client);
    });
    const { tunnels: keys } = options;
    const tunnels = keys === undefined ? undefined : watchTunnels(keys);
    const clients = tunnels && new TcpClients(new TunnelSessions(), tunnels);
    const server = createServer(SERVER_OPTIONS);
    // A client that neither sends nor takes anything for this long is cut off, in the middle of an answer, too.
    server.timeout = IDLE_MS;
    server.maxConnections = ALL_CONNECTIONS;
    connections.serve(server, (socket) => clients?.identify(socket) ?? Promise.resolve({ kind: 'unknown' }));
    const port = await listen(server, host, options.port);
    const operators = tunnels && createServer(SERVER_OPTIONS);
    try {
      // In the same turn as the end of listen(), before the first connection can be seen.
      const store = openHubStore(database, {
        warn: options.warn ?? ((line) => process.stderr.write(`${printable(line)}\n`)),
      });
      try {
        const app = createHubApp({ store, version, signal, ...(tunnels && { tunnels }) });
        const asking = new WeakMap<object, HubClientIdentity>();
        const listener = getRequestListener((request, { incoming }) =>
          app.fetch(request, { client: asking.get(incoming) ?? { kind: 'guest' } }),
        );
        answer = (incoming, outgoing, client) => {
          asking.set(incoming, client);
          void listener(incoming, outgoing);
        };
        if (operators !== undefined) {
          connections.serve(operators, () => Promise.resolve({ kind: 'operator' }));
          await listenOnSocket(operators, operatorSocket(dirname(database), port));
        }
        const url = `http://${host}:${port}`;
        claim.describe(url);
        const timer = setInterval(() => {
          store.expire(new Date(Date.now() - (options.expiryDays ?? DEFAULT_HUB_EXPIRY_DAYS) * DAY_MS));
        }, EXPIRY_INTERVAL_MS).unref();
        options.onListening?.({ url, port });
        await aborted(signal);
        clearInterval(timer);
      } finally {
        await Promise.all([server, ...(operators === undefined ? [] : [operators])].map(stop));
        store.close();
      }
    } finally {
      await stop(server);
    }
  } finally {
    claim.release();
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new FleetError({
      code: 'hub-storage',
      problem: `the directory of the State Hub's database could not be made: ${(cause as Error).message}`,
      place: path,
      remedy: 'make it writable, or give another --database',
      cause,
    });
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((done, fail) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      fail(listenError(cause, host, port));
    });
    server.listen(port, host, () => {
      done((server.address() as AddressInfo).port);
    });
  });
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): FleetError {
  if (cause.code === 'EADDRINUSE') {
    return new FleetError({
      code: 'hub-port-in-use',
      problem: 'another program listens on this port',
      place: `${host}:${port}`,
      remedy: `see which one with \`ss -ltnp sport = :${port}\`, end it, or give another --port`,
      cause,
    });
  }
  return new FleetError({
    code: 'hub-listen',
    problem: `the State Hub cannot listen: ${cause.message}`,
    place: `${host}:${port}`,
    remedy: 'give a --port from 1024 to 65535',
    cause,
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else
      signal.addEventListener(
        'abort',
        () => {
          done();
        },
        { once: true },
      );
  });
}

function stop(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((done) => {
    const timer = setTimeout(() => {
      server.closeAllConnections();
    }, STOP_GRACE_MS);
    server.close(() => {
      clearTimeout(timer);
      done();
    });
    server.closeIdleConnections();
  });
}
