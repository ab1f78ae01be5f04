import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { FleetError } from '../model/errors';

/** Sole use of one database, held until released or until the process ends in whatever way. */
export interface Claim {
  /** One line about the holder, told to whoever is refused. */
  describe(holder: string): void;
  release(): Promise<void>;
}

/**
 * Claims a database for this process. The claim is a socket in Linux's abstract namespace: the kernel gives it to one
 * process only and takes it back when that process dies, so that nothing is left behind by `kill -9` and two hubs
 * starting at once cannot both win. A file with a process id can do neither.
 *
 * @param database path of the database, whose directory must exist.
 * @throws FleetError `hub-database-in-use`, naming the holder as far as it answers.
 */
export async function claimDatabase(database: string): Promise<Claim> {
  const name = claimName(database);
  let holder = `process ${process.pid}`;
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(`${holder}\n`);
  });
  try {
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen(name, done);
    });
  } catch (cause) {
    throw await refusal(cause, name, database);
  }
  return {
    describe: (text) => {
      holder = text;
    },
    release: () =>
      new Promise((done) =>
        server.close(() => {
          done();
        }),
      ),
  };
}

/** The same for every path that leads to the same file. */
function claimName(database: string): string {
  const path =
    realpathOr(database) ??
    join(realpathOr(dirname(resolve(database))) ?? dirname(resolve(database)), basename(database));
  return `\0buildfleet-hub-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`;
}

function realpathOr(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

async function refusal(cause: unknown, name: string, database: string): Promise<FleetError> {
  if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') {
    return new FleetError({
      code: 'hub-claim-failed',
      problem: `the database could not be claimed: ${String(cause)}`,
      place: database,
      remedy: 'run the hub on Linux, whose abstract sockets it needs',
      cause,
    });
  }
  return new FleetError({
    code: 'hub-database-in-use',
    problem: `another State Hub uses this database: ${await askHolder(name)}`,
    place: database,
    remedy: 'stop that one first, or give this one another --database',
    cause,
  });
}

function askHolder(name: string): Promise<string> {
  return new Promise((done) => {
    let answer = '';
    const finish = () => {
      socket.destroy();
      done(answer.trim() || 'a process that does not say which');
    };
    const socket = createConnection(name);
    socket.setEncoding('utf8');
    socket.setTimeout(1000, finish);
    socket.on('data', (chunk: string) => {
      answer = `${answer}${chunk}`.slice(0, 500);
    });
    socket.on('error', finish);
    socket.on('end', finish);
  });
}
