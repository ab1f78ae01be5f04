import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import {
  capabilityIdSchema,
  capabilitySchema,
  sameContent,
  type Capability,
  type CapabilityPatch,
  type NewCapability,
  type ProgressNote,
} from '../model/capability';
import { FleetError, isFleetError } from '../model/errors';
import { DEFAULT_HUB_PORT, embeddedHubUrl } from '../model/defaults';
import { askHub, readAnswer, requireSuccess, type HubAnswer, type HubEndpoint, type HubRequest } from './http';
import { operatorSocketFor } from './operator-socket';

/** Address of a hub, and the limits of its answers. */
export interface HubClientOptions {
  /** `http://127.0.0.1:8000`, with or without a path. */
  readonly url: string;
  /** Milliseconds for one request with its whole answer. Default 5000. */
  readonly timeoutMs?: number;
  /** Longest answer taken. Default 1 MiB. */
  readonly maxBytes?: number;
  /**
   * Directory of the fleet's services: when the hub at the url is the one that runs there, it is asked through the
   * operator's socket, and takes what only the operator may write.
   */
  readonly services?: string | undefined;
}

/** Options of every call: `signal` ends it, with the signal's reason as the error. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Filter of entries. The hub gets all members, and the client filters again, because a hub may ignore them. */
export interface CapabilityQuery {
  readonly capabilityType: string;
  readonly domain: string;
  readonly title?: string | undefined;
}

/** The readable entries of a hub. */
export interface Catalog {
  readonly entries: readonly Capability[];
  /** Number of items that are no readable entries. */
  readonly malformed: number;
}

/** Key of an entry: a hub holds at most one of each. */
export type CapabilityName = Pick<NewCapability, 'domain' | 'capability_type' | 'title'>;

/**
 * Outcome of a verb that not every hub has. Unsupported (404, 405 or 501) is an answer: the caller goes on without.
 * A 404 may also mean that the entry has gone; a list tells the two apart.
 */
export type Supported<T> =
  { readonly supported: true; readonly value: T } | { readonly supported: false; readonly status: number };

/** What {@link HubClient.upsert} did. */
export interface UpsertResult {
  /** The entry as the hub has it now. */
  readonly entry: Capability;
  /** `left-unchanged`: the entry says something else and the hub has no PATCH. */
  readonly outcome: 'created' | 'updated' | 'unchanged' | 'left-unchanged';
  /** Ids of further entries of the same name that the hub would not delete. */
  readonly surplus: readonly string[];
}

/** What {@link HubClient.ensureAbsent} did: ids of entries that the hub would not delete, none when all are gone. */
export interface AbsenceResult {
  readonly deleted: readonly string[];
  readonly left: readonly string[];
}

/** A State Hub, embedded or one that only knows POST and GET. All failures are FleetErrors `hub-…` (http.ts). */
export interface HubClient {
  readonly url: string;
  /** Entries of one type and domain. Malformed entries of another type or domain are ignored. */
  list(query: CapabilityQuery, options?: CallOptions): Promise<Capability[]>;
  /** Every entry that fits, of any author; without type or domain, of all. */
  catalog(query: Partial<CapabilityQuery>, options?: CallOptions): Promise<Catalog>;
  /** Sends one POST, never two. Prefer `upsert`, which looks first. */
  create(entry: NewCapability, options?: CallOptions): Promise<Capability>;
  /** Changes fields, `{}` as a bare heartbeat. `undefined` as value: done, but the hub did not show the entry. */
  update(id: string, patch: CapabilityPatch, options?: CallOptions): Promise<Supported<Capability | undefined>>;
  remove(id: string, options?: CallOptions): Promise<Supported<void>>;
  /**
   * Makes the hub hold exactly this entry under its name: looks, then updates or creates. At most one POST is sent
   * per call; if its answer is lost, the hub is asked again instead. Calls within this process for one name wait for
   * each other; entries that another process doubled at the same moment are deleted by the next call.
   */
  upsert(entry: NewCapability, options?: CallOptions): Promise<UpsertResult>;
  /** Deletes every entry of that name, as far as the hub can delete. */
  ensureAbsent(name: CapabilityName, options?: CallOptions): Promise<AbsenceResult>;
  /** Leaves a note. Best effort: false instead of an error when the hub did not take it. */
  postProgress(note: ProgressNote, options?: CallOptions): Promise<boolean>;
}

const UNSUPPORTED = [404, 405, 501];

/** Pages of a list that are read: far more than any fleet has, and few enough for a hub that never ends. */
const PAGES = 16;

/** Milliseconds before each look for an entry whose POST was sent and not answered. */
const LOST_ANSWER_LOOKS = [0, 250, 1000];

/** Errors after which the entry may be there all the same; a rejection may be a conflict with another client's POST. */
const OUTCOME_UNKNOWN = [
  'hub-unreachable',
  'hub-timeout',
  'hub-too-large',
  'hub-redirect',
  'hub-not-json',
  'hub-wrong-shape',
  'hub-failed',
  'hub-rejected',
];

/** The last call under way for each hub and name in this process. */
const turns = new Map<string, Promise<unknown>>();

/** @throws FleetError `hub-url` when the url is not a plain http(s) one. */
export function createHubClient(options: HubClientOptions): HubClient {
  const hub: HubEndpoint = {
    url: plainUrl(options.url),
    timeoutMs: options.timeoutMs ?? 5000,
    maxBytes: options.maxBytes ?? 1024 * 1024,
    socket: options.services === undefined ? undefined : operatorSocketFor(options.services, options.url),
  };

  /** Entries in the hub's answer, filtered again on this side. */
  const ask = async ({ capabilityType, domain, title }: Partial<CapabilityQuery>, { signal }: CallOptions) => {
    const asked = { capability_type: capabilityType, domain, title };
    const filters = Object.entries(asked).filter((filter): filter is [string, string] => filter[1] !== undefined);
    let search: string | undefined = new URLSearchParams(filters).toString();
    for (let items: Record<string, unknown>[] = [], page = 1; ; page += 1) {
      const path: string = `/capability-catalog/${search === '' ? '' : `?${search}`}`;
      const answer = await askIdempotent(hub, { method: 'GET', path, signal });
      const read = readAnswer(answer, z.array(z.looseObject({})));
      items = items.concat(read.filter((item) => filters.every(([name, value]) => item[name] === value)));
      search = answer.next;
      if (search === undefined || page === PAGES) return { answer, items };
    }
  };

  const list: HubClient['list'] = async (query, call = {}) => {
    const { answer, items } = await ask(query, call);
    return readAnswer({ ...answer, text: JSON.stringify(items) }, z.array(capabilitySchema));
  };

  const catalog: HubClient['catalog'] = async (query, call = {}) => {
    const { items } = await ask(query, call);
    const entries = items.flatMap((item) => capabilitySchema.safeParse(item).data ?? []);
    return { entries, malformed: items.length - entries.length };
  };

  const create: HubClient['create'] = async (entry, { signal } = {}) => {
    const answer = await askHub(hub, { method: 'POST', path: '/capability-catalog/', body: entry, signal });
    // Only the id is promised; a hub need not repeat the rest.
    const made = readAnswer(answer, z.looseObject({ id: capabilityIdSchema }));
    return readAnswer({ ...answer, text: JSON.stringify({ ...entry, ...made }) }, capabilitySchema);
  };

  const update: HubClient['update'] = async (id, patch, { signal } = {}) => {
    const answer = await askIdempotent(hub, { method: 'PATCH', path: entryPath(id), body: patch, signal });
    return supportedOr(answer, () => (answer.text === '' ? undefined : readAnswer(answer, capabilitySchema)));
  };

  const remove: HubClient['remove'] = async (id, { signal } = {}) => {
    const answer = await askIdempotent(hub, { method: 'DELETE', path: entryPath(id), signal });
    return supportedOr(answer, () => undefined);
  };

  const named = async (name: CapabilityName, call: CallOptions) => {
    const query = { capabilityType: name.capability_type, domain: name.domain, title: name.title };
    const entries = await list(query, call);
    return entries.filter((entry) => entry.title === name.title).sort(byAge);
  };

  /** Sends the POST; where its answer is lost, returns the entry that the hub holds afterwards. */
  const createOnce = async (entry: NewCapability, call: CallOptions): Promise<Capability> => {
    try {
      return await create(entry, call);
    } catch (error) {
      if (call.signal?.aborted || !isFleetError(error) || !OUTCOME_UNKNOWN.includes(error.code)) throw error;
      for (const wait of LOST_ANSWER_LOOKS) {
        await pause(wait, undefined, call.signal === undefined ? {} : { signal: call.signal });
        const found = await named(entry, call).catch(() => []);
        if (found[0] !== undefined) return found[0];
        if (error.code === 'hub-rejected') break;
      }
      throw error;
    }
  };

  const removeAll = async (entries: readonly Capability[], call: CallOptions): Promise<AbsenceResult> => {
    const deleted: string[] = [];
    const refused: string[] = [];
    for (const { id } of entries) ((await remove(id, call)).supported ? deleted : refused).push(id);
    return { deleted, left: refused };
  };

  const upsertInTurn = async (entry: NewCapability, call: CallOptions): Promise<UpsertResult> => {
    const [existing, ...doubles] = await named(entry, call);
    if (existing === undefined) return { entry: await createOnce(entry, call), outcome: 'created', surplus: [] };
    const surplus = (await removeAll(doubles, call)).left;
    if (sameContent(existing, entry)) return { entry: existing, outcome: 'unchanged', surplus };
    const changed = await update(existing.id, entry, call);
    if (changed.supported) return { entry: changed.value ?? { ...existing, ...entry }, outcome: 'updated', surplus };
    // A 404 may also mean that another client deleted the entry since the look.
    const still = changed.status === 404 ? (await named(entry, call))[0] : existing;
    if (still !== undefined) return { entry: still, outcome: 'left-unchanged', surplus };
    return { entry: await createOnce(entry, call), outcome: 'created', surplus };
  };

  return {
    url: hub.url,
    list,
    catalog,
    create,
    update,
    remove,
    upsert: (entry, call = {}) =>
      inTurn(JSON.stringify([hub.url, entry.domain, entry.capability_type, entry.title]), () =>
        upsertInTurn(entry, call),
      ),
    ensureAbsent: async (name, call = {}) => {
      const { deleted, left } = await removeAll(await named(name, call), call);
      if (left.length === 0) return { deleted, left };
      // 404 also answers a DELETE of what has just gone: what counts is what is still listed.
      const still = new Set((await named(name, call)).map((entry) => entry.id));
      return { deleted, left: left.filter((id) => still.has(id)) };
    },
    postProgress: async (note, { signal } = {}) => {
      try {
        requireSuccess(await askHub(hub, { method: 'POST', path: '/progress/', body: note, signal }));
        return true;
      } catch {
        return false;
      }
    },
  };
}

/** Repeats the request when a kept-open connection turns out to be dead, as after a restart of the hub. */
async function askIdempotent(hub: HubEndpoint, request: HubRequest): Promise<HubAnswer> {
  try {
    return await askHub(hub, request);
  } catch (error) {
    if (isFleetError(error) && error.code === 'hub-unreachable') return askHub(hub, request);
    throw error;
  }
}

function supportedOr<T>(answer: HubAnswer, read: () => T): Supported<T> {
  if (UNSUPPORTED.includes(answer.status)) return { supported: false, status: answer.status };
  requireSuccess(answer);
  return { supported: true, value: read() };
}

async function inTurn<T>(key: string, body: () => Promise<T>): Promise<T> {
  const before = turns.get(key) ?? Promise.resolve();
  const mine = before.then(body, body);
  turns.set(key, mine);
  try {
    return await mine;
  } finally {
    if (turns.get(key) === mine) turns.delete(key);
  }
}

/** Oldest first, the same order for every client, so that all of them keep the same one of two doubles. */
function byAge(one: Capability, other: Capability): number {
  const key = (entry: Capability) => entry.created_at ?? '';
  return compare(key(one), key(other)) || compare(one.id.padStart(40, '0'), other.id.padStart(40, '0'));
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function entryPath(id: string): string {
  return `/capability-catalog/${encodeURIComponent(id)}`;
}

function plainUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (
    !parsed ||
    !/^https?:$/.test(parsed.protocol) ||
    parsed.username ||
    parsed.password ||
    parsed.search ||
    parsed.hash
  ) {
    throw new FleetError({
      code: 'hub-url',
      problem: 'this is not the url of a State Hub',
      value: url,
      remedy: `give it as ${embeddedHubUrl(DEFAULT_HUB_PORT)}, without user, query or fragment`,
    });
  }
  return parsed.href.replace(/\/+$/, '');
}
