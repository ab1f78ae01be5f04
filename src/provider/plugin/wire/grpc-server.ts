import {
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
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
const HEADERS = { ':status': 200, 'content-type': 'application/grpc' };

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
  if (!call) {
    finish(stream, UNIMPLEMENTED, 'unknown method');
    return;
  }
  let response: Uint8Array;
  try {
    response = await call(unframe(await collect(stream)));
  } catch (error) {
    finish(stream, INTERNAL, error instanceof Error ? error.message : String(error));
    return;
  }
  finish(stream, OK, '', response);
}

/** Events rather than an asynchronous iterator, which costs a third of a call. */
function collect(stream: ServerHttp2Stream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('end', () => {
      resolve(Buffer.concat(chunks));
    });
    stream.once('aborted', () => {
      reject(new Error('the call was given up'));
    });
  });
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
  const trailers = {
    'grpc-status': status,
    ...(message === '' ? {} : { 'grpc-message': encodeURIComponent(message) }),
  };
  if (!response) {
    stream.respond({ ...HEADERS, ...trailers }, { endStream: true, sendDate: false } as ServerStreamResponseOptions);
    return;
  }
  stream.respond({ ...HEADERS }, { waitForTrailers: true, sendDate: false } as ServerStreamResponseOptions);
  stream.once('wantTrailers', () => {
    stream.sendTrailers(trailers);
  });
  const frame = Buffer.allocUnsafe(FRAME_HEADER + response.length);
  frame[0] = 0;
  frame.writeUInt32BE(response.length, 1);
  frame.set(response, FRAME_HEADER);
  stream.end(frame);
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
