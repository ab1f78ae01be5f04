import type { Socket } from 'node:net';
import type { TunnelSessions } from '../process/tunnel-sessions';
import type { Tunnels } from './tunnels';

/**
 * A client of the hub:
 * - `operator`: came through the socket that only the operator's account can open.
 * - `vm`: came through the tunnel of a VM. `name` is undefined where authorized_keys does not tell it.
 * - `unknown`: a hub without a fleet cannot tell its clients apart.
 * - `guest`: everything else: other accounts and programs of the workstation, and a connection of sshd that has no
 *   tunnel port.
 */
export type HubClientIdentity =
  | { readonly kind: 'operator' | 'unknown' | 'guest' }
  | { readonly kind: 'vm'; readonly name: string | undefined; readonly port: number };

/** Author of what a client writes, as the store keeps it. */
export function ownerOf(client: HubClientIdentity): string {
  return client.kind === 'vm' ? `vm:${client.name ?? client.port}` : '';
}

/** Least milliseconds between two looks at the kernel's tables, however many connections come. */
const LEAST_GAP_MS = 20;

/** A look takes at most one part of so many of the hub's time. */
const TIME_SHARE = 5;

interface Waiting {
  readonly socket: Socket;
  readonly done: (client: HubClientIdentity) => void;
}

/**
 * Tells the clients of the hub's TCP port apart by what the kernel knows: a connection that came through a tunnel was
 * made by the process of sshd that also listens on the tunnel's port, and the tunnel's key allows no other port.
 */
export class TcpClients {
  private waiting: Waiting[] = [];
  private timer: NodeJS.Timeout | undefined;
  private nextLook = 0;

  constructor(
    private readonly sessions: Pick<TunnelSessions, 'find'>,
    private readonly tunnels: () => Tunnels,
  ) {}

  /** To be called while the client waits for an answer: one that has closed its end cannot be told any more. */
  identify(socket: Socket): Promise<HubClientIdentity> {
    return new Promise((done) => {
      this.waiting.push({ socket, done });
      const wait = Math.max(0, this.nextLook - performance.now());
      this.timer ??= setTimeout(() => {
        this.look();
      }, wait);
    });
  }

  private look(): void {
    this.timer = undefined;
    const begun = performance.now();
    const waiting = this.waiting.splice(0);
    const byPort = new Map<number, Waiting[]>();
    for (const one of waiting) {
      const { localPort } = one.socket;
      if (localPort === undefined) one.done({ kind: 'guest' });
      else byPort.set(localPort, [...(byPort.get(localPort) ?? []), one]);
    }
    for (const [server, clients] of byPort) this.tell(server, clients);
    const end = performance.now();
    this.nextLook = end + Math.max(LEAST_GAP_MS, (TIME_SHARE - 1) * (end - begun));
  }

  private tell(server: number, clients: readonly Waiting[]): void {
    let tunnels: Tunnels = new Map();
    let found: ReturnType<TunnelSessions['find']> = new Map();
    try {
      tunnels = this.tunnels();
      found = this.sessions.find(
        server,
        clients.flatMap(({ socket }) => socket.remotePort ?? []),
      );
    } catch {
      // Without the tables all are guests, who may read.
    }
    for (const { socket, done } of clients) {
      const ports = (found.get(socket.remotePort ?? 0)?.ports ?? []).filter((port) => tunnels.has(port));
      const [port] = ports;
      done(port === undefined || ports.length > 1 ? { kind: 'guest' } : { kind: 'vm', name: tunnels.get(port), port });
    }
  }
}
