import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';

export interface Entry {
  id: string;
  domain: string;
  capability_type: string;
  title: string;
  description: string;
  keywords: string[];
  created_at: string;
}

/** Takes a request over: true when it has been answered, or deliberately has not. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse, hub: StandInHub) => boolean;

/** A State Hub in memory that can be told to misbehave. It stands in for the real one, whose tests are its own. */
export class StandInHub {
  readonly entries = new Map<string, Entry>();
  /** `GET`, `POST`, `PATCH 1`, … in the order of arrival, with the time in milliseconds. */
  readonly requests: { readonly what: string; readonly at: number; readonly query: URLSearchParams }[] = [];
  misbehave: Misbehaviour = () => false;
  private server: Server | undefined;
  private nextId = 1;
  private port = 0;

  async listen(): Promise<void> {
    this.server = createServer((request, response) => void this.handle(request, response));
    await once(this.server.listen(this.port, '127.0.0.1'), 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    if (this.server?.listening !== true) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
    this.server = undefined;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  add(entry: Omit<Entry, 'id' | 'created_at'>, created_at = new Date().toISOString()): Entry {
    const added = { ...entry, id: String(this.nextId++), created_at };
    this.entries.set(added.id, added);
    return added;
  }

  count(method: string): number {
    return this.requests.filter(({ what }) => what.split(' ')[0] === method).length;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = /^\/capability-catalog\/([^/?]+)/.exec(request.url ?? '')?.[1];
    const query = new URL(request.url ?? '', this.url).searchParams;
    this.requests.push({ what: [request.method, id].filter(Boolean).join(' '), at: Date.now(), query });
    let body = '';
    for await (const chunk of request) body += String(chunk);
    (request as IncomingMessage & { body: string }).body = body;
    if (this.misbehave(request, response, this)) return;
    const known = id === undefined ? undefined : this.entries.get(id);
    if (request.method === 'GET') answer(response, 200, [...this.entries.values()]);
    else if (request.method === 'POST') answer(response, 201, this.add(JSON.parse(body) as Entry));
    else if (known === undefined) answer(response, 404, { detail: 'not found' });
    else if (request.method === 'PATCH') answer(response, 200, Object.assign(known, JSON.parse(body)));
    else {
      this.entries.delete(known.id);
      answer(response, 204);
    }
  }
}

export function answer(response: ServerResponse, status: number, content?: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(content === undefined ? undefined : JSON.stringify(content));
}

/** What the agent sent, for a misbehaviour that looks at it. */
export function bodyOf(request: IncomingMessage): Entry {
  return JSON.parse((request as IncomingMessage & { body: string }).body) as Entry;
}
