import {
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  constants,
  createSecureServer,
} from 'node:http2';
import type { ServerIdentity } from './certificate';

/*
 * gRPC with one request and one response per call over Node's own HTTP/2 (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 */

/** Answers one call: bytes in, bytes out. A thrown error is reported to the caller as INTERNAL with its message. */
export type Call = (request: Uint8Array) => Promise<Uint8Array>;

const OK = 0;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;
const FRAME_HEADER = 5;

/** Serves the calls by their path (`/package.Service/Method`) to the one client whose certificate (PEM) is given. */
export function createGrpcServer(
  identity: ServerIdentity,
  clientCertificate: string,
  calls: ReadonlyMap<string, Call>,
): Http2SecureServer {
  const server = createSecureServer({
    key: identity.key.export({ type: 'pkcs8', format: 'pem' }),
    cert: pem(identity.certificate),
    ca: clientCertificate,
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['h2'],
    settings: { initialWindowSize: 1 << 20 },
  });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    // a client that has gone away needs no answer
    stream.on('error', () => {});
    void answer(stream, calls.get(String(headers[constants.HTTP2_HEADER_PATH])));
  });
  return server;
}

async function answer(stream: ServerHttp2Stream, call: Call | undefined): Promise<void> {
  if (!call) return finish(stream, UNIMPLEMENTED, 'unknown method');
  let response: Uint8Array;
  try {
    response = await call(unframe(await collect(stream)));
  } catch (error) {
    return finish(stream, INTERNAL, error instanceof Error ? error.message : String(error));
  }
  finish(stream, OK, '', response);
}

async function collect(stream: ServerHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function unframe(body: Buffer): Uint8Array {
  if (body.length < FRAME_HEADER || body.length !== FRAME_HEADER + body.readUInt32BE(1)) {
    throw new Error('expected exactly one message');
  }
  if (body[0] !== 0) throw new Error('compressed messages are not supported');
  return body.subarray(FRAME_HEADER);
}

function finish(stream: ServerHttp2Stream, status: number, message: string, response?: Uint8Array): void {
  if (stream.destroyed || stream.closed) return;
  const headers = { ':status': 200, 'content-type': 'application/grpc' };
  const trailers = {
    'grpc-status': String(status),
    ...(message === '' ? {} : { 'grpc-message': encodeURIComponent(message) }),
  };
  if (!response) {
    stream.respond({ ...headers, ...trailers }, { endStream: true });
    return;
  }
  stream.respond(headers, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  const header = Buffer.alloc(FRAME_HEADER);
  header.writeUInt32BE(response.length, 1);
  stream.end(Buffer.concat([header, response]));
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
