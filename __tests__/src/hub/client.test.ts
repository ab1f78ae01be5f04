import { join } from 'node:path';
import type { RequestListener } from 'node:http';
import { createHubClient, type HubClient } from '../../../src/hub/client';
import { typeEntry, type NewCapability } from '../../../src/model/capability';
import { FleetError } from '../../../src/model/errors';
import { temporaryDirectory } from '../../support/temporary-directory';
import { PostGetOnlyHub } from './support/post-get-only-hub';
import { serve, startHub } from './support/running-hub';

const QUERY = { capabilityType: 'haskell-build-agent', domain: 'railiance' };
const ENTRY = typeEntry();
const CHANGED: NewCapability = { ...ENTRY, description: 'says something else' };

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function answering(listener: RequestListener): Promise<HubClient> {
  const server = await serve(listener);
  stops.push(server.stop);
  return createHubClient({ url: server.url, timeoutMs: 300, maxBytes: 10_000 });
}

async function failure(promise: Promise<unknown>): Promise<FleetError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FleetError);
  return error as FleetError;
}

describe('against our own hub', () => {
  let client: HubClient;
  let url: string;

  beforeEach(async () => {
    const directory = temporaryDirectory();
    const hub = await startHub(join(directory, 'hub.db'));
    stops.push(hub.stop);
    url = hub.url;
    client = createHubClient({ url });
  });

  it('creates, lists, updates and removes an entry', async () => {
    const made = await client.create(ENTRY);
    expect(made).toMatchObject(ENTRY);
    expect(await client.list(QUERY)).toEqual([made]);
    const patched = await client.update(made.id, { keywords: ['haskell'] });
    expect(patched).toMatchObject({ supported: true, value: { ...ENTRY, id: made.id, keywords: ['haskell'] } });
    expect(await client.remove(made.id)).toEqual({ supported: true, value: undefined });
    expect(await client.list(QUERY)).toEqual([]);
  });

  it('lists only the type and domain asked for', async () => {
    await client.create({ ...ENTRY, domain: 'elsewhere' });
    await client.create({ ...ENTRY, capability_type: 'other' });
    const mine = await client.create(ENTRY);
    expect(await client.list(QUERY)).toEqual([mine]);
  });

  it('upserts idempotently and keeps the id', async () => {
    const first = await client.upsert(ENTRY);
    expect(first.outcome).toBe('created');
    expect(await client.upsert({ ...ENTRY, keywords: [...ENTRY.keywords].reverse() })).toMatchObject({
      outcome: 'unchanged',
      entry: { id: first.entry.id, updated_at: first.entry.updated_at },
    });
    expect(await client.upsert(CHANGED)).toMatchObject({
      outcome: 'updated',
      entry: { ...CHANGED, id: first.entry.id },
    });
    expect(await client.list(QUERY)).toHaveLength(1);
  });

  it('keeps one entry when many processes create it at once', async () => {
    // create() takes no turns, as separate processes would not.
    const made = await Promise.all(Array.from({ length: 20 }, () => createHubClient({ url }).create(ENTRY)));
    expect(new Set(made.map((entry) => entry.id)).size).toBe(1);
    expect(await client.list(QUERY)).toHaveLength(1);
  });

  it('removes by name, and again', async () => {
    const { entry } = await client.upsert(ENTRY);
    const other = await client.create({ ...ENTRY, title: 'other' });
    expect(await client.ensureAbsent(ENTRY)).toEqual({ deleted: [entry.id], left: [] });
    expect(await client.ensureAbsent(ENTRY)).toEqual({ deleted: [], left: [] });
    expect(await client.list(QUERY)).toEqual([other]);
  });

  it('leaves a progress note', async () => {
    expect(await client.postProgress({ summary: 'alpha is up' })).toBe(true);
    expect(await (await fetch(`${url}/progress/`)).json()).toMatchObject([
      { summary: 'alpha is up', domain: 'railiance' },
    ]);
  });

  it('says what the hub rejected', async () => {
    const error = await failure(client.create({ ...ENTRY, title: 'two\nlines' }));
    expect(error.code).toBe('hub-rejected');
    expect(error.message).toMatch(/POST http.*status 400.*title/s);
  });
});

describe('against a hub that only knows POST and GET', () => {
  let hub: PostGetOnlyHub;
  let client: HubClient;

  beforeEach(async () => {
    hub = new PostGetOnlyHub();
    client = createHubClient({ url: await hub.start() });
    stops.push(() => hub.stop());
  });

  it('posts once and never again', async () => {
    expect(await client.upsert(ENTRY)).toMatchObject({ outcome: 'created', entry: { ...ENTRY, id: '1' } });
    expect(await client.upsert(ENTRY)).toMatchObject({ outcome: 'unchanged', entry: { id: '1' } });
    expect(await client.upsert(CHANGED)).toMatchObject({ outcome: 'left-unchanged', entry: { ...ENTRY, id: '1' } });
    expect(hub.posts).toBe(1);
  });

  it('posts once when asked many times at the same moment', async () => {
    const results = await Promise.all(
      Array.from({ length: 10 }, () => createHubClient({ url: client.url }).upsert(ENTRY)),
    );
    expect(hub.posts).toBe(1);
    expect(results.map((result) => result.outcome).sort()).toEqual(['created', ...Array<string>(9).fill('unchanged')]);
  });

  it.each([404, 405, 501] as const)('takes %i for "this hub cannot"', async (refusal) => {
    hub.refusal = refusal;
    const { entry } = await client.upsert(ENTRY);
    expect(await client.update(entry.id, {})).toEqual({ supported: false, status: refusal });
    expect(await client.remove(entry.id)).toEqual({ supported: false, status: refusal });
    expect(await client.upsert(CHANGED)).toMatchObject({ outcome: 'left-unchanged' });
    expect(await client.ensureAbsent(ENTRY)).toEqual({ deleted: [], left: ['1'] });
    expect(hub.posts).toBe(1);
  });

  it('filters what the hub does not, however strange the rest is', async () => {
    hub.entries.push(
      { id: 1, domain: 'elsewhere' },
      { id: 2, domain: 'railiance', capability_type: 'lamp', keywords: 7 },
    );
    await client.upsert(ENTRY);
    expect((await client.list(QUERY)).map((entry) => entry.title)).toEqual([ENTRY.title]);
  });

  it('agrees on the oldest of two doubles and names the one it cannot delete', async () => {
    hub.entries.push({ ...ENTRY, id: 10 }, { ...ENTRY, id: 9 });
    expect(await client.upsert(ENTRY)).toMatchObject({ outcome: 'unchanged', entry: { id: '9' }, surplus: ['10'] });
  });

  it('does without progress notes', async () => {
    expect(await client.postProgress({ summary: 'note' })).toBe(false);
  });

  it('asks again instead of posting again when the answer is lost', async () => {
    hub.losesAnswer = () => true;
    expect(await client.upsert(ENTRY)).toMatchObject({ outcome: 'created', entry: { ...ENTRY, id: '1' } });
    expect(hub.posts).toBe(1);
  });
});

describe('against a hub that misbehaves', () => {
  it('stops reading an endless answer', async () => {
    let sent = 0;
    const client = await answering((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(5000, 0x20))) sent += 5000;
      };
      response.on('drain', more);
      more();
    });
    const error = await failure(client.list(QUERY));
    expect(error.code).toBe('hub-too-large');
    expect(error.message).toContain('longer than 10000 bytes');
    expect(sent).toBeLessThan(50_000_000);
  });

  it.each<[string, RequestListener]>([
    ['never answers', () => undefined],
    ['never ends its answer', (_request, response) => response.writeHead(200).write('[')],
  ])('gives up on one that %s', async (_name, listener) => {
    const client = await answering(listener);
    const error = await failure(client.list(QUERY));
    expect(error.code).toBe('hub-timeout');
    expect(error.message).toContain('GET http://127.0.0.1');
  });

  it('follows no redirect', async () => {
    let followed = 0;
    const client = await answering((request, response) => {
      if (request.url === '/elsewhere') followed += 1;
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    const error = await failure(client.create(ENTRY));
    expect(error.code).toBe('hub-redirect');
    expect(error.message).toContain('/elsewhere');
    expect(followed).toBe(0);
  });

  it.each([
    ['<html>Welcome</html>', 'hub-not-json', 'Welcome'],
    ['', 'hub-not-json', 'not answer with JSON'],
    ['{"items": []}', 'hub-wrong-shape', 'expected array'],
    ['[1]', 'hub-wrong-shape', 'expected object'],
    [JSON.stringify([{ ...ENTRY, id: 1, title: 5 }]), 'hub-wrong-shape', 'title'],
    [JSON.stringify([ENTRY]), 'hub-wrong-shape', 'id'],
  ])('does not believe %s', async (body, code, hint) => {
    const client = await answering((_request, response) => response.end(body));
    const error = await failure(client.list(QUERY));
    expect(error.code).toBe(code);
    expect(error.message).toContain(hint);
  });

  it.each([
    [500, 'hub-failed'],
    [401, 'hub-rejected'],
  ])('reports status %i with what came', async (status, code) => {
    const client = await answering((_request, response) => response.writeHead(status).end('out of order'));
    const error = await failure(client.list(QUERY));
    expect(error.code).toBe(code);
    expect(error.message).toContain('out of order');
  });

  it('asks a second time when a connection was cut, but posts only once', async () => {
    const counts = new Map<string, number>();
    const client = await answering((request, response) => {
      const count = (counts.get(request.method ?? '') ?? 0) + 1;
      counts.set(request.method ?? '', count);
      if (request.method === 'POST' || count === 1) request.socket.destroy();
      else response.end('[]');
    });
    expect(await client.list(QUERY)).toEqual([]);
    expect((await failure(client.upsert(ENTRY))).code).toBe('hub-unreachable');
    expect(counts.get('POST')).toBe(1);
  });

  it('finds an entry that was stored after the time-out of its POST', async () => {
    const entries: unknown[] = [];
    const client = await answering((request, response) => {
      if (request.method === 'GET') return void response.end(JSON.stringify(entries));
      setTimeout(() => entries.push({ ...ENTRY, id: 1 }), 400);
    });
    expect(await client.upsert(ENTRY)).toMatchObject({ outcome: 'created', entry: { id: '1' } });
  });

  it('creates anew when the entry went away between the look and the change', async () => {
    let gets = 0;
    const client = await answering((request, response) => {
      if (request.method === 'GET')
        return void response.end(JSON.stringify((gets += 1) === 1 ? [{ ...ENTRY, id: 1 }] : []));
      if (request.method === 'PATCH') return void response.writeHead(404).end('{}');
      response.writeHead(201).end('{"id": 2}');
    });
    expect(await client.upsert(CHANGED)).toMatchObject({ outcome: 'created', entry: { ...CHANGED, id: '2' } });
  });

  it('says so when nothing listens', async () => {
    const server = await serve(() => undefined);
    await server.stop();
    const error = await failure(createHubClient({ url: server.url }).upsert(ENTRY));
    expect(error.code).toBe('hub-refused');
    expect(error.message).toMatch(/ECONNREFUSED.*buildfleet hub/);
  });

  it('sends ids as one path segment', async () => {
    const seen: string[] = [];
    const client = await answering((request, response) => {
      seen.push(request.url ?? '');
      response.end('');
    });
    await client.update('../progress/?x#', {});
    expect(seen).toEqual(['/capability-catalog/..%2Fprogress%2F%3Fx%23']);
  });
});

describe('a caller that gives up', () => {
  it('gets the reason, not an error about the hub', async () => {
    const client = await answering(() => undefined);
    const reason = new Error('stopped by the user');
    const controller = new AbortController();
    const pending = client.upsert(ENTRY, { signal: controller.signal });
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
    await expect(client.list(QUERY, { signal: controller.signal })).rejects.toBe(reason);
  });

  it('does not hold up the next one', async () => {
    let answers = false;
    const client = await answering((_request, response) => {
      if (answers) response.end(JSON.stringify([{ ...ENTRY, id: 1 }]));
    });
    const controller = new AbortController();
    const first = client.upsert(ENTRY, { signal: controller.signal });
    const second = client.upsert(ENTRY);
    answers = true;
    controller.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    await expect(second).resolves.toMatchObject({ outcome: 'unchanged' });
  });
});

describe('the url', () => {
  it.each(['', 'localhost:8000', 'ftp://x', 'http://u:p@127.0.0.1', 'http://127.0.0.1/?x=1', 'file:///etc/passwd'])(
    '"%s" is refused',
    (url) => {
      expect(() => createHubClient({ url })).toThrow('not the url of a State Hub');
    },
  );

  it('may end in slashes and have a path', () => {
    expect(createHubClient({ url: 'http://127.0.0.1:8000/hub//' }).url).toBe('http://127.0.0.1:8000/hub');
  });
});
