import type { HubClientIdentity } from './clients';

/** What one client may have at a time, and how often it may ask. */
export interface Share {
  /** Connections that are open. */
  readonly connections: number;
  /** Requests at once, and then in each second. */
  readonly burst: number;
  readonly perSecond: number;
}

/** A VM's agent has one connection at a time, and sends two requests with each heartbeat, at most one a second. */
const VM: Share = { connections: 8, burst: 60, perSecond: 4 };

/** All clients together that have no identity: pages in browsers, `curl`, what monitors the hub. */
const GUESTS: Share = { connections: 64, burst: 400, perSecond: 50 };

/** All clients of a hub that cannot tell them apart, VMs among them. */
const UNKNOWN: Share = { connections: 256, burst: 2000, perSecond: 500 };

/** Only the operator's own account opens the socket that these come through. */
const OPERATOR: Share = { connections: 256, burst: Infinity, perSecond: Infinity };

/** Connections of all clients together, those that are not identified yet among them. */
export const ALL_CONNECTIONS = 1000;

/** The share that a client has, and the name that it is counted by. */
export function shareOf(client: HubClientIdentity): { readonly name: string; readonly share: Share } {
  switch (client.kind) {
    case 'vm':
      return { name: `vm ${client.port}`, share: VM };
    case 'guest':
      return { name: 'guest', share: GUESTS };
    case 'unknown':
      return { name: 'unknown', share: UNKNOWN };
    case 'operator':
      return { name: 'operator', share: OPERATOR };
  }
}

/** Counts requests. A client that has used its burst gets more with time. */
export class RequestRate {
  private left: number;
  private countedAt: number;

  constructor(
    private readonly share: Share,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.left = share.burst;
    this.countedAt = now();
  }

  /** Whether one more request is within the share; it is counted then. */
  take(): boolean {
    if (this.share.perSecond === Infinity) return true;
    const at = this.now();
    this.left = Math.min(this.share.burst, this.left + ((at - this.countedAt) / 1000) * this.share.perSecond);
    this.countedAt = at;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}
