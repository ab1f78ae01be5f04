import { Hono, type Context, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import {
  capabilityPatchSchema,
  newCapabilitySchema,
  progressNoteSchema,
  type CapabilityPatch,
  type NewCapability,
} from '../model/capability';
import { HUB_ANSWERS, type HubAnswerCode } from '../model/error-codes';
import { isFleetError } from '../model/errors';
import { describeIssues } from '../model/zod-issue';
import { LiveStreams, STREAM_LIMIT } from './live-streams';
import { PAGE_POLICY, renderPage } from './page/document';
import { renderFleet } from './page/fleet';
import { ownerOf, type HubClientIdentity } from './clients';
import { MAX_BODY_BYTES, PAGE_ENTRIES, VM_ENTRIES } from './limits';
import { maySay, mayTouch, mayWrite, type Refusal } from './rights';
import type { CatalogPage, HubStore } from './store';
import type { Tunnels } from './tunnels';

/** Progress notes on the page, and of one VM among them. */
const NOTES_SHOWN = 20;
const NOTES_SHOWN_PER_VM = 5;

/** What a request brings besides itself. */
export interface HubEnv {
  Bindings: { readonly client: HubClientIdentity };
}

type HubContext = Context<HubEnv>;

type Status = (typeof HUB_ANSWERS)[HubAnswerCode]['status'] | 507;

/**
 * The hub's HTTP contract over a store.
 *
 * - `POST /capability-catalog/`: 201 with the new entry; 200 with the updated entry when one with the same domain,
 *   type and title exists, so that a client whose answer was lost may ask again without making a second one.
 * - `GET /capability-catalog/?capability_type=&domain=&title=&limit=&after=`, `GET|PATCH|DELETE
 *   /capability-catalog/<id>` (DELETE: 204). A list that does not fit into one answer has a `Link` to the next page.
 *   Any PATCH, `{}` too, is a heartbeat: it sets `updated_at`.
 * - `POST /progress/`, `GET /progress/?limit=`; `GET /health`.
 * - `GET /` is a page for people. `GET /events` keeps it current: Server-Sent Events named `fleet`, whose data is the
 *   changing part of the page as HTML.
 *
 * Every answer tells the hub's time, in seconds since 1970 with milliseconds, as `Unix-Time`.
 *
 * Failures are `{"error": {"code", "message"}}`. A trailing slash makes no difference. There is no login: who asks is
 * known from the connection (clients.ts), and says what may be written (rights.ts). Requests from web pages are refused.
 */
export function createHubApp(options: {
  readonly store: HubStore;
  readonly version: string;
  readonly now?: () => Date;
  /** Ends the event streams, which would else keep a hub from stopping. */
  readonly signal?: AbortSignal;
  /** VMs by tunnel port. Default: none. */
  readonly tunnels?: () => Tunnels;
}): Hono<HubEnv> {
  const { store, version } = options;
  const tunnels = options.tunnels ?? (() => new Map());
  const now = options.now ?? (() => new Date());
  const fleet = () =>
    renderFleet({
      entries: store.list({}).entries,
      heartbeatsOf: (id) => store.heartbeatsOf(id),
      notes: store.listProgress(NOTES_SHOWN, NOTES_SHOWN_PER_VM),
      now: now(),
    });
  const live = new LiveStreams(fleet, options.signal);
  const presentOf = (id: string | undefined) => {
    const entry = id === undefined ? undefined : store.find(id);
    return entry && { entry, owner: store.ownerOf(entry.id) ?? '' };
  };
  const app = new Hono<HubEnv>({ strict: false });

  app.use(refuseForeignRequests);
  // VMs take the time from here, which Date tells in whole seconds only.
  app.use(async (c, next) => {
    await next();
    c.header('Unix-Time', (now().getTime() / 1000).toFixed(3));
  });
  app.use(async (c, next) => {
    await next();
    if (c.req.method !== 'GET' && c.res.ok) live.changed();
  });
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) => failure(c, 'too-large', `a body may have ${MAX_BODY_BYTES} bytes`),
    }),
  );

  app.get('/capability-catalog', (c) => {
    const limit = z.coerce
      .number()
      .int()
      .min(1)
      .max(PAGE_ENTRIES)
      .default(PAGE_ENTRIES)
      .safeParse(c.req.query('limit'));
    if (!limit.success) return failure(c, 'invalid', `limit must be a whole number from 1 to ${PAGE_ENTRIES}`);
    const page = store.list({
      capabilityType: c.req.query('capability_type'),
      domain: c.req.query('domain'),
      title: c.req.query('title'),
      after: c.req.query('after'),
      limit: limit.data,
      // An agent of an earlier image reads no second page.
      ...(c.env.client.kind === 'vm' && { first: ownerOf(c.env.client) }),
    });
    return listAnswer(c, page);
  });
  app.post('/capability-catalog', async (c) => {
    const { client } = c.env;
    permit(mayWrite(client));
    const entry = await jsonBody(c, newCapabilitySchema);
    permit(maySay(client, entry, tunnels()));
    const present = presentOf(store.named(entry)?.id);
    if (present !== undefined) permit(mayTouch(client, present, tunnels()));
    else if (client.kind === 'vm' && store.countOf(ownerOf(client)) >= VM_ENTRIES) {
      return failure(c, 'too-many-entries', `a VM may have ${VM_ENTRIES} entries`);
    }
    const { entry: stored, created } = store.put(entry, ownerOf(client));
    return c.json(stored, created ? 201 : 200);
  });
  app.get('/capability-catalog/:id', (c) => {
    const entry = store.find(c.req.param('id'));
    return entry === undefined ? noSuchEntry(c) : c.json(entry);
  });
  app.patch('/capability-catalog/:id', async (c) => {
    const { client } = c.env;
    permit(mayWrite(client));
    const patch = await jsonBody(c, capabilityPatchSchema);
    const present = presentOf(c.req.param('id'));
    if (present === undefined) return noSuchEntry(c);
    permit(mayTouch(client, present, tunnels()));
    permit(maySay(client, { ...present.entry, ...patched(patch) }, tunnels()));
    const entry = store.patch(c.req.param('id'), patch);
    if (entry === undefined) return noSuchEntry(c);
    if (entry === 'conflict') return failure(c, 'conflict', 'another entry has this domain, type and title');
    return c.json(entry);
  });
  app.delete('/capability-catalog/:id', (c) => {
    permit(mayWrite(c.env.client));
    const present = presentOf(c.req.param('id'));
    if (present !== undefined) permit(mayTouch(c.env.client, present, tunnels()));
    return store.remove(c.req.param('id')) ? c.body(null, 204) : noSuchEntry(c);
  });

  app.post('/progress', async (c) => {
    permit(mayWrite(c.env.client));
    return c.json(store.addProgress(await jsonBody(c, progressNoteSchema), ownerOf(c.env.client)), 201);
  });
  app.get('/progress', (c) => {
    const limit = z.coerce.number().int().min(1).max(1000).default(100).safeParse(c.req.query('limit'));
    return limit.success
      ? c.json(store.listProgress(limit.data))
      : failure(c, 'invalid', 'limit must be a whole number from 1 to 1000');
  });

  app.get('/health', (c) => c.json({ status: 'ok', service: 'buildfleet-hub', version }));
  app.get('/', (c) => {
    c.header('Content-Security-Policy', PAGE_POLICY);
    const notice =
      store.setAside === undefined ? undefined : `The database was damaged and was kept as ${store.setAside}.`;
    return c.html(renderPage({ fleet: fleet(), version, notice }));
  });
  app.get('/events', (c) => {
    // Without a reader a stream would hold its place until it is forgotten.
    if (c.req.method !== 'GET') return failure(c, 'not-allowed', 'event streams are for GET');
    // Pages of other sites may lead to a page, not make a browser hold a stream.
    if (c.req.header('sec-fetch-mode') === 'navigate') return failure(c, 'not-a-page', 'the page is at /');
    const stream = live.open();
    return stream === undefined
      ? failure(c, 'too-many-streams', `${STREAM_LIMIT} event streams are open, no more are served`)
      : c.body(stream, 200, { 'Content-Type': 'text/event-stream' });
  });

  app.notFound((c) => failure(c, 'no-such-route', `${c.req.method} ${c.req.path} is not served`));
  app.onError((error, c) => {
    if (error instanceof RequestProblem) return failure(c, error.code, error.message);
    if (isFleetError(error) && error.code === 'hub-entry-too-large') return failure(c, 'too-large', error.message);
    if (isFleetError(error)) return answer(c, 507, error.code, error.message);
    return failure(c, 'internal', String(error));
  });
  return app;
}

/**
 * Lets in only what was addressed to the loopback by name or number, and nothing that a web page sent: another site
 * may point its own name at 127.0.0.1, or post a form here. A person following a link is let in, a frame is not.
 */
const refuseForeignRequests: MiddlewareHandler = async (c, next) => {
  c.header('X-Content-Type-Options', 'nosniff');
  c.header('Cache-Control', 'no-store');
  c.header('Cross-Origin-Resource-Policy', 'same-origin');
  c.header('Cross-Origin-Opener-Policy', 'same-origin');
  c.header('Referrer-Policy', 'no-referrer');
  const host = c.req.header('host') ?? '';
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/i.test(host)) {
    return failure(c, 'foreign-host', 'the hub answers only to 127.0.0.1 and localhost');
  }
  const origin = c.req.header('origin');
  const site = c.req.header('sec-fetch-site');
  const followsLink =
    c.req.method === 'GET' &&
    c.req.header('sec-fetch-mode') === 'navigate' &&
    (c.req.header('sec-fetch-dest') ?? 'document') === 'document';
  const fromAnotherPage = site !== undefined && site !== 'same-origin' && site !== 'none' && !followsLink;
  if ((origin !== undefined && origin !== `http://${host}`) || fromAnotherPage) {
    return failure(c, 'cross-origin', 'the hub takes no requests from web pages');
  }
  return next();
};

class RequestProblem extends Error {
  constructor(
    readonly code: HubAnswerCode,
    message: string,
  ) {
    super(message);
  }
}

async function jsonBody<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  if (!/^application\/json\s*(;|$)/i.test(c.req.header('content-type') ?? '')) {
    throw new RequestProblem('not-json', 'send the body as Content-Type: application/json');
  }
  const text = await c.req.text();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RequestProblem('invalid', `the body is not JSON: ${String(error)}`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new RequestProblem('invalid', describeIssues(parsed.error, { place: (path) => path || 'body' }).problem);
  }
  return parsed.data;
}

/** @throws RequestProblem when there is a refusal */
function permit(refusal: Refusal): void {
  if (refusal !== undefined) throw new RequestProblem(refusal.code, refusal.message);
}

function patched(patch: CapabilityPatch): Partial<NewCapability> {
  return Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
}

function listAnswer(c: HubContext, { entries, next }: CatalogPage) {
  if (next !== undefined) {
    const query = new URLSearchParams({ ...c.req.query(), after: next });
    c.header('Link', `<?${query.toString()}>; rel="next"`);
  }
  return c.json(entries);
}

function noSuchEntry(c: Context) {
  return failure(c, 'no-such-entry', `no entry has the id ${JSON.stringify(c.req.param('id'))}`);
}

function failure(c: Context, code: HubAnswerCode, message: string) {
  return answer(c, HUB_ANSWERS[code].status, code, message);
}

function answer(c: Context, status: Status, code: string, message: string) {
  return c.json({ error: { code, message } }, status);
}
