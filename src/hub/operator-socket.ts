import { chmodSync, closeSync, lstatSync, openSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { basename, dirname, join } from 'node:path';
import { FleetError } from '../model/errors';

/** Bytes of a socket's path: one more ends it for the kernel. */
const LONGEST = 107;

/**
 * The socket through which the operator's own tools reach a fleet's hub. It lies in a directory that only the operator's
 * account can enter, and its name has the hub's port, so that a url leads to one socket.
 *
 * @param directory of the hub's database
 */
export function operatorSocket(directory: string, port: number): string {
  return join(directory, `hub-${port}.sock`);
}

/** The socket for the hub at a url; undefined unless that is a hub of this machine. */
export function operatorSocketFor(directory: string, url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, hostname, port, pathname } = new URL(url);
  const isLocal = protocol === 'http:' && ['127.0.0.1', 'localhost'].includes(hostname) && pathname === '/';
  return isLocal ? operatorSocket(directory, Number(port || '80')) : undefined;
}

/**
 * Calls `body` with a path to the socket that the kernel takes, however long its directory's is.
 *
 * @throws Error when there is no such directory
 */
export async function withSocketPath<T>(path: string, body: (path: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= LONGEST) return body(path);
  const directory = openSync(dirname(path), 'r');
  try {
    return await body(`/proc/self/fd/${directory}/${basename(path)}`);
  } finally {
    closeSync(directory);
  }
}

/** Listens there, for this account alone. What a killed hub left is replaced: the caller holds the claim on the database. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path);
  await withSocketPath(
    path,
    (short) =>
      new Promise<void>((done, fail) => {
        server.once('error', (cause) => {
          fail(
            new FleetError({
              code: 'hub-listen',
              problem: `the State Hub cannot listen for the operator's tools: ${cause.message}`,
              place: path,
              remedy: 'make the directory writable for this account, and remove what has that name',
              cause,
            }),
          );
        });
        server.listen({ path: short }, () => {
          chmodSync(short, 0o600);
          done();
        });
      }),
  );
  // Where the path was a long one, the server itself could not find it again.
  server.once('close', () => {
    rmSync(path, { force: true });
  });
}
