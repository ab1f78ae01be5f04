import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { FleetError } from '../model/errors';
import { printable } from '../model/printable';
import { version } from '../../package.json';
import { claimDatabase } from './claim';
import { createHubApp } from './server';
import { openHubStore } from './store';

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
  readonly onListening?: (hub: { readonly url: string; readonly port: number }) => void;
  /** Gets lines that the operator has to read. Default: standard error. */
  readonly warn?: (line: string) => void;
}

/** Milliseconds that requests under way get once the hub is told to stop. */
const STOP_GRACE_MS = 2000;

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
    let serve: (request: Request) => Response | Promise<Response> = () => new Response(null, { status: 503 });
    const server = createAdaptorServer({ fetch: (request) => serve(request) }) as Server;
    server.headersTimeout = 5000;
    server.requestTimeout = 10_000;
    server.maxConnections = 1000;
    const port = await listen(server, host, options.port);
    try {
      // In the same turn as the end of listen(), before the first connection can be seen.
      const store = openHubStore(database, {
        warn: options.warn ?? ((line) => process.stderr.write(`${printable(line)}\n`)),
      });
      try {
        serve = createHubApp({ store, version, signal }).fetch;
        const url = `http://${host}:${port}`;
        claim.describe(url);
        options.onListening?.({ url, port });
        await aborted(signal);
      } finally {
        await stop(server);
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
