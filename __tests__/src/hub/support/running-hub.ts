import { createServer, request as httpRequest, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runHub, type RunHubOptions } from '../../../../src/hub/run';

/** Our own hub, in this process, on a free port. */
export async function startHub(
  database: string,
  options: Pick<RunHubOptions, 'tunnels'> = {},
): Promise<{ readonly url: string; readonly warnings: string[]; readonly stop: () => Promise<void> }> {
  const controller = new AbortController();
  const warnings: string[] = [];
  let stopped: Promise<void> | undefined;
  const url = await new Promise<string>((done, fail) => {
    stopped = runHub({
      host: '127.0.0.1',
      port: 0,
      database,
      ...options,
      signal: controller.signal,
      onListening: (hub) => {
        done(hub.url);
      },
      warn: (line) => warnings.push(line),
    });
    stopped.catch(fail);
  });
  return {
    url,
    warnings,
    stop: async () => {
      controller.abort();
      await stopped;
    },
  };
}

/** A server that answers as told, for answers that no hub would give. */
export async function serve(
  listener: RequestListener,
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** One request with full control of its headers, which `fetch` does not give. */
export function rawRequest(
  url: string,
  options: {
    readonly method?: string;
    readonly headers?: Record<string, string>;
    readonly body?: string;
    readonly socketPath?: string;
  } = {},
): Promise<{ readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string }> {
  return new Promise((done, fail) => {
    const request = httpRequest(
      url,
      { method: options.method ?? 'GET', headers: options.headers, agent: false, socketPath: options.socketPath },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          done({ status: response.statusCode ?? 0, headers: response.headers, text });
        });
        response.on('error', fail);
      },
    );
    request.on('error', fail);
    request.end(options.body);
  });
}
