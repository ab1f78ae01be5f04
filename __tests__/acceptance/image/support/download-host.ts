import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands in for hosts that files are downloaded from, on a port of 127.0.0.1. Answers requests for the rest of a file. */
export class DownloadHost {
  /** By path and query, `/a/b?c`. */
  readonly files = new Map<string, Buffer>();
  /** What was asked for, `GET /a/b`, with ` from 100` for the rest of a file. */
  readonly requests: string[] = [];
  /** How often the answer to a path ends in the middle of what it has to send. */
  readonly cuts = new Map<string, number>();

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => {
      this.answer(request, response);
    });
  }

  static async start(): Promise<DownloadHost> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new DownloadHost(server);
  }

  /** Without a slash at its end. */
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    this.requests.push(`${request.method} ${path}${start > 0 ? ` from ${start}` : ''}`);
    const content = this.files.get(path);
    if (content === undefined) {
      response.writeHead(404).end();
    } else if (start > 0 && start >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    } else {
      this.send(path, content, start, response);
    }
  }

  private send(path: string, content: Buffer, start: number, response: ServerResponse): void {
    const rest = content.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': rest.length,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
    });
    const cuts = this.cuts.get(path) ?? 0;
    if (cuts === 0) {
      response.end(rest);
      return;
    }
    this.cuts.set(path, cuts - 1);
    response.write(rest.subarray(0, Math.floor(rest.length / 2)), () => response.destroy());
  }
}
