import { join } from 'node:path';
import { typeEntry } from '../../../src/model/capability';
import { MAX_BODY_BYTES } from '../../../src/hub/limits';
import { runHub } from '../../../src/hub/run';
import { version } from '../../../package.json';
import { temporaryDirectory } from '../../support/temporary-directory';
import { rawRequest, serve, startHub } from './support/running-hub';

const ENTRY = typeEntry();
const JSON_HEADERS = { 'content-type': 'application/json' };

let directory: string;
let hub: Awaited<ReturnType<typeof startHub>>;

beforeEach(async () => {
  directory = temporaryDirectory();
  hub = await startHub(join(directory, 'state', 'hub.db'));
});

afterEach(async () => {
  await hub.stop();
});

const post = (body: unknown, path = '/capability-catalog/') =>
  rawRequest(`${hub.url}${path}`, {
    method: 'POST',
    headers: JSON_HEADERS,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const json = (answer: { readonly text: string }) => JSON.parse(answer.text) as Record<string, unknown>;

describe('the catalog', () => {
  it('answers 201 to a new entry and 200 to the same name, with the same id', async () => {
    const first = await post(ENTRY);
    expect(first.status).toBe(201);
    const again = await post({ ...ENTRY, description: 'newer' });
    expect(again.status).toBe(200);
    expect(json(again)).toMatchObject({
      id: json(first)['id'],
      description: 'newer',
      created_at: json(first)['created_at'],
    });
  });

  it('is reached with and without the last slash', async () => {
    expect((await post(ENTRY, '/capability-catalog')).status).toBe(201);
    expect(JSON.parse((await rawRequest(`${hub.url}/capability-catalog`)).text)).toHaveLength(1);
  });

  it('gives, heartbeats and deletes one entry', async () => {
    const made = json(await post(ENTRY));
    const url = `${hub.url}/capability-catalog/${String(made['id'])}`;
    expect(json(await rawRequest(url))).toEqual(made);
    await new Promise((done) => setTimeout(done, 5));
    const beaten = json(await rawRequest(url, { method: 'PATCH', headers: JSON_HEADERS, body: '{}' }));
    expect(beaten).toEqual({ ...made, updated_at: beaten['updated_at'] });
    expect(String(beaten['updated_at']) > String(made['updated_at'])).toBe(true);
    expect((await rawRequest(url, { method: 'DELETE' })).status).toBe(204);
    for (const method of ['GET', 'DELETE']) expect((await rawRequest(url, { method })).status).toBe(404);
    expect((await rawRequest(url, { method: 'PATCH', headers: JSON_HEADERS, body: '{}' })).status).toBe(404);
  });

  it('lets no PATCH make two entries of one name', async () => {
    await post(ENTRY);
    const other = json(await post({ ...ENTRY, title: 'other' }));
    const answer = await rawRequest(`${hub.url}/capability-catalog/${String(other['id'])}`, {
      method: 'PATCH',
      headers: JSON_HEADERS,
      body: JSON.stringify({ title: ENTRY.title }),
    });
    expect(answer.status).toBe(409);
  });

  it('filters', async () => {
    await post(ENTRY);
    await post({ ...ENTRY, domain: 'elsewhere' });
    const list = async (query: string) =>
      JSON.parse((await rawRequest(`${hub.url}/capability-catalog/?${query}`)).text) as unknown[];
    expect(await list('')).toHaveLength(2);
    expect(await list('domain=railiance')).toHaveLength(1);
    expect(await list('capability_type=haskell-build-agent')).toHaveLength(2);
    expect(await list(`domain=${encodeURIComponent("' OR 1=1 --")}`)).toHaveLength(0);
  });
});

describe('a bad request', () => {
  it.each([
    ['{', 'not JSON'],
    ['[]', 'expected object'],
    [{ ...ENTRY, title: undefined }, 'title'],
    [{ ...ENTRY, keywords: 'haskell' }, 'keywords'],
    [{ ...ENTRY, title: 'a\u001b[2J' }, 'control characters'],
  ])('with the body %j is 400', async (body, hint) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(hint);
  });

  it('that is no JSON by its type is 415, as a form of a web page would be', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx']) {
      const answer = await rawRequest(`${hub.url}/capability-catalog/`, {
        method: 'POST',
        headers: { 'content-type': type },
        body: JSON.stringify(ENTRY),
      });
      expect(answer.status).toBe(415);
    }
  });

  it('that is too large is 413, with and without a length', async () => {
    const body = JSON.stringify({ ...ENTRY, more: 'x'.repeat(MAX_BODY_BYTES) });
    const url = `${hub.url}/capability-catalog/`;
    const length = String(Buffer.byteLength(body));
    expect(
      (await rawRequest(url, { method: 'POST', headers: { ...JSON_HEADERS, 'content-length': length }, body })).status,
    ).toBe(413);
    expect(
      (await rawRequest(url, { method: 'POST', headers: { ...JSON_HEADERS, 'transfer-encoding': 'chunked' }, body }))
        .status,
    ).toBe(413);
  });

  it('for another route is 404 and says so', async () => {
    const answer = await rawRequest(`${hub.url}/nothing`);
    expect([answer.status, json(answer)]).toEqual([
      404,
      { error: { code: 'no-such-route', message: 'GET /nothing is not served' } },
    ]);
  });

  it.each(['0', '1001', 'x', '1.5'])('for %s progress notes is 400', async (limit) => {
    expect((await rawRequest(`${hub.url}/progress/?limit=${limit}`)).status).toBe(400);
  });
});

describe('web pages', () => {
  const statusWith = async (headers: Record<string, string>, method = 'GET') =>
    (await rawRequest(`${hub.url}/capability-catalog/`, { method, headers })).status;

  it.each([
    'evil.example',
    'evil.example:8000',
    '127.0.0.1.evil.example',
    '192.168.1.2:8000',
    'localhost@evil.example',
  ])('cannot come in under the name %s', async (host) => {
    // An address that is no URL at all may be refused before it reaches the hub.
    expect([400, 403]).toContain(await statusWith({ host }));
  });

  it.each(['localhost', 'LOCALHOST:18000', '127.0.0.1:18000', '[::1]:8000'])(
    'are not what asks for %s',
    async (host) => {
      expect(await statusWith({ host })).toBe(200);
    },
  );

  it('of other origins are refused, and get no CORS header', async () => {
    for (const origin of ['http://evil.example', 'null', 'https://127.0.0.1']) {
      const answer = await rawRequest(`${hub.url}/capability-catalog/`, { headers: { origin } });
      expect(answer.status).toBe(403);
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
    expect(await statusWith({ origin: hub.url })).toBe(200);
    expect(await statusWith({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).toBe(403);
    expect(await statusWith({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 'DELETE')).toBe(403);
    expect(await statusWith({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).toBe(200);
    expect(await statusWith({ origin: 'http://evil.example' }, 'OPTIONS')).toBe(403);
  });
});

describe('the page', () => {
  it('shows machines with their heartbeat, and escapes what they say', async () => {
    await post({
      ...ENTRY,
      title: 'Haskell Build Agent — haskell-build-alpha',
      keywords: ['ghc-9.6.6', 'tunnel-port:12221'],
    });
    await post({ ...ENTRY, title: '<script>alert(1)</script>', keywords: [] });
    const answer = await rawRequest(hub.url);
    expect(answer.headers['content-type']).toContain('text/html');
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    expect(answer.text).toMatch(
      /haskell-build-alpha\s*<\/th>[\s\S]*<span class="state fresh">fresh<\/span> <small>0\u00a0s\u00a0ago<\/small>[\s\S]*>9\.6\.6<\/td>\s*<td[^>]*>12221<\/td>/,
    );
    expect(answer.text).toContain('&lt;script&gt;');
    expect(answer.text).not.toContain('<script>alert');
  });
});

describe('running', () => {
  const options = () => ({
    host: '127.0.0.1',
    port: 0,
    database: join(directory, 'other.db'),
    signal: new AbortController().signal,
  });

  it('tells its version', async () => {
    expect(json(await rawRequest(`${hub.url}/health`))).toEqual({ status: 'ok', service: 'buildfleet-hub', version });
  });

  it('tells the time with every answer, by which VMs set their clocks', async () => {
    for (const path of ['/health', '/capability-catalog/', '/', '/nothing']) {
      const before = Date.now() / 1000;
      const { headers } = await rawRequest(`${hub.url}${path}`);
      expect(headers['unix-time']).toMatch(/^\d{10}\.\d{3}$/);
      expect(Number(headers['unix-time'])).toBeGreaterThanOrEqual(Math.floor(before * 1000) / 1000);
      expect(Number(headers['unix-time'])).toBeLessThanOrEqual(Date.now() / 1000);
    }
  });

  it('is refused on a second port with the same database, naming the first', async () => {
    const second = runHub({ ...options(), database: join(directory, 'state', '..', 'state', 'hub.db') });
    await expect(second).rejects.toMatchObject({ code: 'hub-database-in-use' });
    await expect(second).rejects.toThrow(`process ${process.pid} at ${hub.url}`);
  });

  it('is refused on a taken port, and leaves its database free', async () => {
    const taken = await serve(() => undefined);
    const port = Number(new URL(taken.url).port);
    await expect(runHub({ ...options(), port })).rejects.toMatchObject({ code: 'hub-port-in-use' });
    await taken.stop();
    await (await startHub(options().database)).stop();
  });

  it('is refused anywhere but on the loopback', async () => {
    await expect(runHub({ ...options(), host: '0.0.0.0' })).rejects.toMatchObject({ code: 'hub-host' });
  });

  it('is over, with the claim free, once stopped', async () => {
    await post(ENTRY);
    await hub.stop();
    hub = await startHub(join(directory, 'state', 'hub.db'));
    expect(JSON.parse((await rawRequest(`${hub.url}/capability-catalog/`)).text)).toHaveLength(1);
  });
});
