import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { HubClientIdentity } from './clients';
import { HUB_ANSWERS } from '../model/error-codes';
import { RequestRate, shareOf } from './shares';

/** Requests of one connection that are worked on: its answers wait in memory, in order. No client of ours sends a second one. */
const AT_ONCE = 2;

/** Connections that have sent no request yet. A client sends its request at once, so that the oldest can be closed. */
const STRANGERS = 512;

interface Connection {
  readonly socket: Socket;
  /** Undefined before the first request. It gives undefined when the connection is beyond what its client may have. */
  client: Promise<HubClientIdentity | undefined> | undefined;
  /** Connections that this one is counted among. */
  counted: Set<Connection>;
  underWay: number;
}

interface Account {
  /** Oldest first. */
  readonly connections: Set<Connection>;
  readonly rate: RequestRate;
}

/** Answers a request that was let in. */
export type Answer = (incoming: IncomingMessage, outgoing: ServerResponse, client: HubClientIdentity) => void;

/**
 * Lets in of each client as many connections and requests as its share allows. A connection beyond that takes the place of
 * the client's oldest one that asks nothing, so that connections which were left open keep no other out.
 */
export class Connections {
  private readonly accounts = new Map<string, Account>();
  private readonly connections = new WeakMap<Socket, Connection>();

  constructor(private readonly answer: Answer) {}

  /** @param identify asked once for each connection that has a request */
  serve(server: Server, identify: (socket: Socket) => Promise<HubClientIdentity>): void {
    // Connections without a request so far: to identify their clients costs more than they are worth. Each server has its
    // own, so that those of a port that is open to all keep none out of a socket that is not.
    const strangers = new Set<Connection>();
    server.on('connection', (socket: Socket) => {
      socket.on('error', () => socket.destroy());
      const connection: Connection = { socket, client: undefined, counted: strangers, underWay: 0 };
      this.connections.set(socket, connection);
      socket.once('close', () => connection.counted.delete(connection));
      count(connection, strangers, STRANGERS);
    });
    server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
      void this.request(incoming, outgoing, identify);
    });
  }

  private async request(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    identify: (socket: Socket) => Promise<HubClientIdentity>,
  ): Promise<void> {
    const connection = this.connections.get(incoming.socket);
    if (connection === undefined || connection.underWay >= AT_ONCE) {
      incoming.socket.destroy();
      return;
    }
    connection.underWay += 1;
    outgoing.once('close', () => (connection.underWay -= 1));
    connection.client ??= identify(incoming.socket).then((client) =>
      this.admit(connection, client) ? client : undefined,
    );
    const client = await connection.client;
    if (client === undefined || incoming.socket.destroyed) return;
    if (this.account(client).rate.take()) this.answer(incoming, outgoing, client);
    else refuse(outgoing);
  }

  private admit(connection: Connection, client: HubClientIdentity): boolean {
    return (
      !connection.socket.destroyed &&
      count(connection, this.account(client).connections, shareOf(client).share.connections)
    );
  }

  private account(client: HubClientIdentity): Account {
    const { name, share } = shareOf(client);
    const account = this.accounts.get(name) ?? { connections: new Set(), rate: new RequestRate(share) };
    this.accounts.set(name, account);
    return account;
  }
}

/** Counts a connection among those, and says whether it may stay: it may as long as another one asks nothing. */
function count(connection: Connection, connections: Set<Connection>, most: number): boolean {
  connection.counted.delete(connection);
  connection.counted = connections;
  if (connections.size >= most) {
    const idle = [...connections].find(({ underWay }) => underWay === 0) ?? connection;
    idle.socket.destroy();
    connections.delete(idle);
    if (idle === connection) return false;
  }
  connections.add(connection);
  return true;
}

function refuse(outgoing: ServerResponse): void {
  const error = { code: 'too-many-requests', message: 'this client sends more requests than its share' } as const;
  outgoing.writeHead(HUB_ANSWERS[error.code].status, {
    'content-type': 'application/json',
    'retry-after': '1',
    connection: 'close',
  });
  outgoing.end(JSON.stringify({ error }));
}
