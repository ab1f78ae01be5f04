import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { createHubClient } from '../../../../src/hub/client';
import { createHubApp } from '../../../../src/hub/server';
import { type HubStore, openHubStore } from '../../../../src/hub/store';
import { BUILD_AGENT_TYPE, CAPABILITY_DOMAIN, instanceTitle, typeEntry } from '../../../../src/model/capability';
import { version } from '../../../../package.json';
import { agentKeywords } from '../../../support/agent-keywords';
import { freePort } from '../../../support/stand-in-machine';

/** What a machine says with a heartbeat. */
export interface Heartbeat {
  readonly name: string;
  readonly tunnelPort: number;
  readonly diskFreeMib?: number;
  readonly clockAheadSeconds?: number;
  readonly secondsAgo?: number;
}

/** The State Hub itself, with a clock that can be set back. */
export class ClockedHub {
  private ageSeconds = 0;
  private running: { readonly server: Server; readonly store: HubStore; readonly end: AbortController } | undefined;

  private constructor(
    private readonly database: string,
    readonly port: number,
  ) {}

  static async start(database: string): Promise<ClockedHub> {
    const hub = new ClockedHub(database, await freePort());
    await hub.start();
    await hub.client.upsert(typeEntry());
    return hub;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const store = openHubStore(this.database, { now: () => new Date(Date.now() - this.ageSeconds * 1000) });
    const end = new AbortController();
    const app = createHubApp({ store, version, signal: end.signal });
    const fetch = (request: Request) => app.fetch(request, { client: { kind: 'operator' } });
    const server = createAdaptorServer({ fetch }) as Server;
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.running = { server, store, end };
  }

  async stop(): Promise<void> {
    const running = this.running;
    if (running === undefined) return;
    this.running = undefined;
    running.end.abort();
    const closed = new Promise((resolve) => running.server.close(resolve));
    running.server.closeAllConnections();
    await closed;
    running.store.close();
  }

  /** What a machine's agent does every 30 seconds. */
  async heartbeat({
    name,
    tunnelPort,
    diskFreeMib = 20480,
    clockAheadSeconds = 0,
    secondsAgo = 0,
  }: Heartbeat): Promise<void> {
    // An entry that would be the same is not sent again.
    await this.forget(name);
    this.ageSeconds = secondsAgo;
    await this.client.upsert({
      ...entryOf(name),
      description:
        `cpus=2 load=0.25 memory=1980MiB memory-free=1500MiB disk-free=${diskFreeMib}MiB uptime=7300s ` +
        `clock=${clockAheadSeconds < 0 ? '' : '+'}${clockAheadSeconds.toFixed(1)}s`,
      keywords: agentKeywords({ ghcVersions: ['9.6.6'], hostName: name, tunnelPort }),
    });
    this.ageSeconds = 0;
  }

  /** The entry of a machine is gone, as it is from a hub with a new database. */
  async forget(name: string): Promise<void> {
    await this.client.ensureAbsent(entryOf(name));
  }

  private get client() {
    return createHubClient({ url: this.url });
  }
}

function entryOf(name: string) {
  return { domain: CAPABILITY_DOMAIN, capability_type: BUILD_AGENT_TYPE, title: instanceTitle(name) };
}
