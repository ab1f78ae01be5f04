import { type IncomingMessage, type RequestOptions, request as requestPlainly } from 'node:http';
import type { z } from 'zod';
import type { ErrorCode } from '../model/error-codes';
import { FleetError, isFleetError } from '../model/errors';
import { lazy } from '../model/lazy';
import { describeIssues } from '../model/zod-issue';
import { withSocketPath } from './operator-socket';

/** The embedded hub speaks plain HTTP, and does without. */
const secure = lazy<typeof import('node:https')>(() => require('node:https'));

/** Errors that say that nothing listens on a socket, and that nothing was sent. */
const NO_SOCKET = ['ENOENT', 'ECONNREFUSED', 'ENOTSOCK', 'ENOTDIR', 'EACCES'];

/** Limits and place of one hub. */
export interface HubEndpoint {
  readonly url: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** The operator's socket of the hub, which is asked where a hub listens there; see operator-socket.ts. */
  readonly socket?: string | undefined;
}

/** One request; `body` is sent as JSON. */
export interface HubRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** `/capability-catalog/?…`, appended to the hub's URL. */
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** A complete answer within the limits, of any status except redirects. */
export interface HubAnswer {
  /** `GET http://127.0.0.1:8000/…`, for messages. */
  readonly request: string;
  readonly status: number;
  readonly text: string;
  /** The next page of a list, as the hub names it in `Link`. */
  readonly next?: string | undefined;
}

/**
 * Sends one request and reads the whole answer.
 *
 * @throws FleetError `hub-refused` (nothing was sent), `hub-unreachable`, `hub-timeout`, `hub-too-large`,
 *   `hub-redirect`; the reason of `signal` when the caller gave up.
 */
export async function askHub(hub: HubEndpoint, request: HubRequest): Promise<HubAnswer> {
  const url = `${hub.url}${request.path}`;
  const line = `${request.method} ${url}`;
  const timeout = AbortSignal.timeout(hub.timeoutMs);
  const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
  try {
    const response = await sendTo(hub, url, request, signal);
    const status = response.statusCode ?? 0;
    if (status >= 300 && status < 400) {
      response.destroy();
      throw new FleetError({
        code: 'hub-redirect',
        problem: 'the State Hub answered with a redirect, which is never followed',
        place: line,
        value: response.headers.location ?? null,
        remedy: "set the hub's url to the place it redirects to, if that is your hub",
      });
    }
    const text = await readCapped(response, hub.maxBytes, line);
    return { request: line, status, text, next: nextPage(response.headers['link']) };
  } catch (error) {
    if (request.signal?.aborted) throw request.signal.reason;
    if (isFleetError(error)) throw error;
    throw timeout.aborted ? timeoutError(hub, line, error) : unreachableError(line, error);
  }
}

/**
 * What a successful answer holds, in the given shape.
 *
 * @throws FleetError `hub-rejected` (4xx), `hub-failed` (other statuses), `hub-not-json`, `hub-wrong-shape`.
 */
export function readAnswer<T>(answer: HubAnswer, schema: z.ZodType<T>): T {
  requireSuccess(answer);
  let value: unknown;
  try {
    value = JSON.parse(answer.text);
  } catch (cause) {
    throw answerError(answer, 'hub-not-json', 'the State Hub did not answer with JSON', cause);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const where = describeIssues(parsed.error).problem;
    throw answerError(
      answer,
      'hub-wrong-shape',
      `the State Hub's answer has not the expected shape: ${where}`,
      parsed.error,
    );
  }
  return parsed.data;
}

/** @throws FleetError `hub-rejected` (4xx) or `hub-failed` (other statuses) unless the answer is a success. */
export function requireSuccess(answer: HubAnswer): void {
  if (answer.status >= 200 && answer.status < 300) return;
  const rejected = answer.status >= 400 && answer.status < 500;
  throw answerError(
    answer,
    rejected ? 'hub-rejected' : 'hub-failed',
    `the State Hub answered with status ${answer.status}`,
  );
}

/** Through the operator's socket, else through the port: a hub of an earlier version has no socket. */
async function sendTo(
  hub: HubEndpoint,
  url: string,
  request: HubRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  if (hub.socket !== undefined) {
    try {
      return await withSocketPath(hub.socket, (socketPath) => send(url, request, signal, socketPath));
    } catch (error) {
      if (!NO_SOCKET.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return send(url, request, signal);
}

/** Target of a `Link` to the next page, without what resolves it: only its query is used. */
function nextPage(link: string | string[] | undefined): string | undefined {
  return /<\?([^<>\s]*)>; *rel="next"/.exec(String(link))?.[1];
}

/** Node's own client rather than `fetch`, which a plan would spend more time on loading than on its one request. */
function send(
  url: string,
  { method, body }: HubRequest,
  signal: AbortSignal,
  socketPath?: string,
): Promise<IncomingMessage> {
  const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const options: RequestOptions = {
    method,
    signal,
    // A connection that is kept open would be looked for by the socket's path, which is a short-lived one.
    ...(socketPath !== undefined && { socketPath, agent: false }),
    headers: {
      accept: 'application/json',
      ...(content && { 'content-type': 'application/json', 'content-length': content.length }),
    },
  };
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:') ? secure().request(url, options) : requestPlainly(url, options);
    request.once('response', resolve);
    request.on('error', reject);
    request.end(content);
  });
}

async function readCapped(response: IncomingMessage, maxBytes: number, line: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early destroys the response, and with it the connection.
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) {
      throw new FleetError({
        code: 'hub-too-large',
        problem: `the State Hub's answer is longer than ${maxBytes} bytes`,
        place: line,
        remedy: 'check that this is a State Hub, and delete unused entries',
      });
    }
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function timeoutError(hub: HubEndpoint, line: string, cause: unknown): FleetError {
  return new FleetError({
    code: 'hub-timeout',
    problem: `the State Hub did not answer within ${hub.timeoutMs} ms`,
    place: line,
    remedy: 'look at the log of the process that listens there, and restart it',
    cause,
  });
}

function unreachableError(line: string, cause: unknown): FleetError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const nothingSent = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'].includes(code ?? '');
  return new FleetError({
    code: nothingSent ? 'hub-refused' : 'hub-unreachable',
    problem: `the State Hub could not be asked: ${code ?? message}`,
    place: line,
    remedy: 'start the hub (`buildfleet hub`), or correct its url',
    cause,
  });
}

function answerError(answer: HubAnswer, code: ErrorCode, problem: string, cause?: unknown): FleetError {
  return new FleetError({
    code,
    problem,
    place: answer.request,
    value: answer.text.length > 300 ? `${answer.text.slice(0, 300)}…` : answer.text,
    remedy: 'check that the url leads to a State Hub, and see its log',
    cause,
  });
}
