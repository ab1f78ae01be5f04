import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Entry = Record<string, unknown> & { readonly id: number };

/**
 * A State Hub that only knows POST and GET of the catalog: it ignores filters, counts its ids, stamps nothing, adds a
 * new entry at every POST, and refuses every other verb and route.
 */
export class PostGetOnlyHub {
  readonly entries: Entry[] = [];
  posts = 0;
  /** What it answers to PATCH and DELETE. */
  refusal: 404 | 405 | 501 = 405;
  /** Called after a POST was stored; true loses the answer: the connection is cut. */
  losesAnswer: (() => boolean) | undefined;
  /** Milliseconds between receiving a POST and storing it, so that a race would show. */
  private readonly storesAfterMs = 20;
  private readonly server: Server = createServer((request, response) => void this.answer(request, response));

  async start(): Promise<string> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reply = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (!request.url?.startsWith('/capability-catalog/')) return void reply(404, { detail: 'Not Found' });
    if (request.method === 'GET') return void reply(200, this.entries);
    if (request.method !== 'POST') return void reply(this.refusal, { detail: 'Method Not Allowed' });
    this.posts += 1;
    let text = '';
    for await (const chunk of request) text += String(chunk);
    await new Promise((done) => setTimeout(done, this.storesAfterMs));
    const entry = { ...(JSON.parse(text) as Record<string, unknown>), id: this.entries.length + 1 };
    this.entries.push(entry);
    if (this.losesAnswer?.() === true) return void request.socket.destroy();
    reply(201, { id: entry.id });
  }
}
