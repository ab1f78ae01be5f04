import { join } from 'node:path';
import type { Hono } from 'hono';
import { STREAM_LIMIT } from '../../../src/hub/live-streams';
import { PAGE_POLICY } from '../../../src/hub/page/document';
import { createHubApp, type HubEnv } from '../../../src/hub/server';
import { openHubStore, type HubStore } from '../../../src/hub/store';
import { typeEntry } from '../../../src/model/capability';
import { until } from '../../support/until';
import { temporaryDirectory } from '../../support/temporary-directory';
import { startHub } from './support/running-hub';

const HUB = 'http://127.0.0.1:8000';
const ENTRY = { ...typeEntry(), title: 'Haskell Build Agent — haskell-build-alpha', keywords: ['ghc-9.6.6'] };

let directory: string;
let store: HubStore;
let stop: AbortController;
let app: Hono<HubEnv>;

beforeEach(() => {
  directory = temporaryDirectory();
  store = openHubStore(join(directory, 'hub.db'));
  stop = new AbortController();
  app = createHubApp({ store, version: '0', signal: stop.signal });
});

afterEach(() => {
  stop.abort();
  store.close();
});

const ask = async (path: string, options: { method?: string; headers?: Record<string, string>; body?: string } = {}) =>
  app.request(
    `${HUB}${path}`,
    { ...options, headers: { host: new URL(HUB).host, ...options.headers } },
    { client: { kind: 'unknown' } },
  );
const write = (method: string, path: string, body?: unknown) =>
  ask(path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });

/** Reads a stream until a message holds the text. */
async function hear(response: Response, text: string): Promise<string> {
  const reader = response.body!.getReader();
  let heard = '';
  while (!heard.includes(text)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the stream ended without ${text}: ${heard}`);
    heard += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  return heard;
}

it('sends what the page shows, at first and after each kind of write', async () => {
  const events = await ask('/events');
  expect(events.headers.get('content-type')).toBe('text/event-stream');
  expect(await hear(events, 'No machine has registered.')).toContain('event: fleet\ndata: ');
  const { id } = (await (await write('POST', '/capability-catalog/', ENTRY)).json()) as { id: string };
  await hear(events, 'haskell-build-alpha');
  await write('PATCH', `/capability-catalog/${id}`, { description: 'load=0.75' });
  await hear(events, '0.75');
  await write('POST', '/progress/', { summary: 'alpha is up' });
  await hear(events, 'alpha is up');
  await write('DELETE', `/capability-catalog/${id}`);
  await hear(events, 'No machine has registered.');
});

it('sends nothing for a write that was refused', async () => {
  const events = await ask('/events');
  await hear(events, 'No machine');
  const list = jest.spyOn(store, 'list');
  expect((await write('POST', '/capability-catalog/', { title: 'no more than this' })).status).toBe(400);
  expect((await write('DELETE', '/capability-catalog/none')).status).toBe(404);
  await write('POST', '/progress/', { summary: 'a write that is sent' });
  await hear(events, 'a write that is sent');
  expect(list).toHaveBeenCalledTimes(1);
});

it('is not for other origins, frames, links and names', async () => {
  const refused: Record<string, string>[] = [
    { host: 'evil.example' },
    { origin: 'http://127.0.0.1:9000' },
    { origin: 'http://localhost:8000' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
    { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
    { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
  ];
  for (const headers of refused) expect([headers, (await ask('/events', { headers })).status]).toEqual([headers, 403]);
  const own = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' };
  const answer = await ask('/events', { headers: own });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  expect(answer.headers.get('cross-origin-resource-policy')).toBe('same-origin');
});

it('is refused when too many are open, and no request but GET holds a place', async () => {
  for (const method of ['HEAD', 'HEAD', 'POST', 'OPTIONS']) expect((await ask('/events', { method })).ok).toBe(false);
  const open = await Promise.all(Array.from({ length: STREAM_LIMIT }, () => ask('/events')));
  expect(new Set(open.map(({ status }) => status))).toEqual(new Set([200]));
  const refused = await ask('/events');
  expect(refused.status).toBe(503);
  expect(await refused.text()).toContain('too-many-streams');
  await open[0]!.body!.cancel();
  expect((await ask('/events')).status).toBe(200);
});

it('says on the page what is allowed there, and keeps frames and openers away', async () => {
  const page = await ask('/');
  expect(page.headers.get('content-security-policy')).toBe(PAGE_POLICY);
  expect(PAGE_POLICY).toMatch(
    /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self';/,
  );
  expect(PAGE_POLICY).not.toContain('unsafe');
  expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin');
  const framed = { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate' };
  expect((await ask('/', { headers: { ...framed, 'sec-fetch-dest': 'iframe' } })).status).toBe(403);
  expect((await ask('/', { headers: { ...framed, 'sec-fetch-dest': 'document' } })).status).toBe(200);
});

it('shows what the events show, and where a damaged database went', async () => {
  await write('POST', '/capability-catalog/', ENTRY);
  const text = await (await ask('/')).text();
  expect(text).toContain('haskell-build-alpha');
  expect(text).not.toContain('was damaged');
  const damaged = createHubApp({ store: { ...store, setAside: '/x/hub.db.damaged-1<' }, version: '0' });
  const answer = await damaged.request(HUB, { headers: { host: '127.0.0.1' } });
  expect(await answer.text()).toContain('was kept as /x/hub.db.damaged-1&lt;.');
});

describe('a running hub', () => {
  let hub: Awaited<ReturnType<typeof startHub>>;

  beforeEach(async () => {
    hub = await startHub(join(directory, 'running.db'));
  });

  afterEach(() => hub.stop());

  it('forgets clients that went away, however many came', async () => {
    /** As many streams as are allowed; none when the hub did not serve them all. */
    const fill = async () => {
      const gone = new AbortController();
      const answers = await Promise.all(
        Array.from({ length: STREAM_LIMIT }, () => fetch(`${hub.url}/events`, { signal: gone.signal })),
      );
      if (answers.every(({ status }) => status === 200)) return gone;
      gone.abort();
      return undefined;
    };
    for (let round = 0; round < 3; round += 1) {
      // The hub learns of clients that went away when their connections are closed, a moment later.
      const gone = await until('all streams of the clients before are free again', 20, fill);
      expect((await fetch(`${hub.url}/events`)).status).toBe(503);
      gone.abort();
    }
  });

  it('ends the streams when it stops, instead of waiting for their clients', async () => {
    const events = await fetch(`${hub.url}/events`);
    await hub.stop();
    // A stream that is cut would be an error, not an end.
    await expect(hear(events, 'never sent')).rejects.toThrow('the stream ended');
  });
});
