import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { FleetError } from '../model/errors';

/**
 * Claims a name for this process: a socket in Linux's abstract namespace, which the kernel gives to one process only
 * and takes back when that dies, also by kill -9.
 *
 * @returns null if another process, or another part of this one, has it
 */
export async function claim(purpose: string, name: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  const address = `\0buildfleet-${purpose}-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
  try {
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen(address, done);
    });
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null;
    throw error;
  }
}

/** Milliseconds; what is done to one file or directory in turn takes a small part of that. */
const WAIT_LIMIT = 60_000;

/**
 * Runs `body` while no other process of this machine does so for the same path.
 *
 * @throws FleetError `path-busy` after a minute; the signal's reason when it fires first
 */
export async function inTurn<T>(path: string, signal: AbortSignal, body: () => T | Promise<T>): Promise<T> {
  const deadline = Date.now() + WAIT_LIMIT;
  for (;;) {
    signal.throwIfAborted();
    const held = await claim('path', path);
    if (held !== null) {
      try {
        return await body();
      } finally {
        await new Promise((closed) => held.close(closed));
      }
    }
    if (Date.now() > deadline) {
      throw new FleetError({
        code: 'path-busy',
        problem: 'another process has been working on this for a minute',
        place: path,
        remedy: 'see whether another deploy hangs, end it, and deploy again',
      });
    }
    await pause(20, undefined, { signal });
  }
}
