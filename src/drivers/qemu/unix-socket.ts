import { closeSync, constants, openSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A socket address holds 107 bytes; through the open directory it is short for every path. */
async function throughDirectory<T>(directory: string, name: string, body: (path: string) => Promise<T>): Promise<T> {
  const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await body(`/proc/self/fd/${descriptor}/${name}`);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Connects to a unix socket in a directory whose path may be of any length.
 *
 * @param timeoutMs for the connection alone
 * @throws the system's error, or one that says that there was no answer in time
 */
export function connectIn(directory: string, name: string, timeoutMs: number): Promise<Socket> {
  return throughDirectory(
    directory,
    name,
    (path) =>
      new Promise<Socket>((resolve, reject) => {
        const socket = connect({ path });
        const timer = setTimeout(() => {
          fail(new Error('no answer in time'));
        }, timeoutMs);
        const fail = (error: Error) => {
          clearTimeout(timer);
          socket.destroy();
          reject(error);
        };
        socket.once('error', fail);
        socket.once('connect', () => {
          clearTimeout(timer);
          socket.off('error', fail);
          resolve(socket);
        });
      }),
  );
}

/** Listens on a new unix socket in a directory whose path may be of any length. */
export function listenIn(directory: string, name: string): Promise<Server> {
  return throughDirectory(
    directory,
    name,
    (path) =>
      new Promise<Server>((resolve, reject) => {
        const server = createServer();
        server.once('error', reject);
        server.listen(path, () => {
          server.off('error', reject);
          resolve(server);
        });
      }),
  );
}
