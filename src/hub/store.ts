import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Database, type BindValues } from 'node-sqlite3-wasm';
import { z } from 'zod';
import type { Capability, CapabilityPatch, NewCapability, StoredProgressNote } from '../model/capability';
import { progressNoteSchema } from '../model/capability';
import { FleetError, isFleetError } from '../model/errors';
import { RING_BYTES, withHeartbeat, type HeartbeatHistory } from './heartbeats';

/** Marks the file as this program's (`bfhu`), so that another program's database is never written to. */
const APPLICATION_ID = 0x62666875;

/** Progress notes kept; older ones are dropped. */
const PROGRESS_KEPT = 1000;

/** Entries a hub takes: far beyond any fleet, so that a client in a loop cannot fill the disk. */
const CAPABILITY_LIMIT = 10_000;

/** One script per version; the n-th leads from `user_version` n-1 to n. Never edited once released, only added to. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
   CREATE TABLE capability (
     id TEXT PRIMARY KEY,
     domain TEXT NOT NULL,
     capability_type TEXT NOT NULL,
     title TEXT NOT NULL,
     description TEXT NOT NULL,
     keywords TEXT NOT NULL,
     created_at TEXT NOT NULL,
     updated_at TEXT NOT NULL,
     UNIQUE (domain, capability_type, title)
   ) STRICT;
   CREATE TABLE progress (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     domain TEXT NOT NULL,
     event_type TEXT NOT NULL,
     summary TEXT NOT NULL,
     detail TEXT NOT NULL,
     created_at TEXT NOT NULL
   ) STRICT;`,
  // Members as in HeartbeatHistory: the same few bytes for each entry, however long it lives.
  `CREATE TABLE heartbeat (
     capability_id TEXT PRIMARY KEY,
     since INTEGER NOT NULL,
     latest INTEGER NOT NULL,
     ring BLOB NOT NULL
   ) STRICT;`,
];

/** What to list; without a member, everything. */
export interface CapabilityFilter {
  readonly capabilityType?: string | undefined;
  readonly domain?: string | undefined;
}

/** What the hub remembers. Every write that returned is on the disk. All methods throw FleetError `hub-storage`. */
export interface HubStore {
  /** Path that a damaged predecessor was moved to at this start, for a message to the operator. */
  readonly setAside: string | undefined;
  /** Entries, oldest first. */
  list(filter: CapabilityFilter): Capability[];
  find(id: string): Capability | undefined;
  /** Makes an entry, or updates the one with the same domain, type and title. */
  put(entry: NewCapability): { readonly entry: Capability; readonly created: boolean };
  /** The entry after the change; undefined when there is none; `conflict` when another has that title already. */
  patch(id: string, patch: CapabilityPatch): Capability | 'conflict' | undefined;
  /** When the entry was made or changed lately; undefined when it never was since histories are kept. */
  heartbeatsOf(id: string): HeartbeatHistory | undefined;
  /** Whether there was such an entry; its history goes with it. */
  remove(id: string): boolean;
  addProgress(note: z.output<typeof progressNoteSchema>): StoredProgressNote;
  /** The newest notes, newest first. */
  listProgress(limit: number): StoredProgressNote[];
  close(): void;
}

const rowSchema = z
  .object({
    id: z.string(),
    domain: z.string(),
    capability_type: z.string(),
    title: z.string(),
    description: z.string(),
    keywords: z.string(),
    created_at: z.string(),
    updated_at: z.string(),
  })
  .transform((row): Capability => ({ ...row, keywords: z.array(z.string()).parse(JSON.parse(row.keywords)) }));

const historyRowSchema = z.object({
  since: z.number(),
  latest: z.number(),
  ring: z.instanceof(Uint8Array).refine((ring) => ring.length === RING_BYTES),
});

const progressRowSchema = z
  .object({
    id: z.number(),
    domain: z.string(),
    event_type: z.string(),
    summary: z.string(),
    detail: z.string(),
    created_at: z.string(),
  })
  .transform((row): StoredProgressNote => ({ ...row, id: String(row.id) }));

/**
 * Opens the database, or makes it. The caller must hold the claim on it (claim.ts): a lock found here counts as left
 * behind by a killed process.
 *
 * Write-ahead log in exclusive mode, and no other: the library locks with a directory beside the file, which also
 * makes SQLite believe that another process is writing, so that a rollback journal left by a killed process would never
 * be played back. The log needs no such judgement, and each commit ends with an fsync of it.
 *
 * A file that is no database or fails SQLite's check is moved to `<name>.damaged-<n>` and a new one is begun.
 *
 * @param warn gets one line for the operator when that happens.
 * @throws FleetError when the file is another program's, newer than this program, or cannot be read or written.
 */
export function openHubStore(
  path: string,
  options: { readonly now?: () => Date; readonly warn?: (line: string) => void } = {},
): HubStore {
  const now = options.now ?? (() => new Date());
  return guarded(path, () => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    removeStaleLock(path);
    const { db, setAside } = openOrReplace(path, options.warn ?? (() => undefined));
    migrate(db, path);
    const store = storeOver(db, path, now, setAside);
    // The first commit makes the log file; its name has to reach the disk too.
    transaction(db, () => db.run("INSERT OR REPLACE INTO meta VALUES ('started_at', ?)", now().toISOString()));
    syncDirectory(path);
    if (setAside !== undefined) {
      store.addProgress({
        ...progressNoteSchema.parse({ summary: 'the hub began anew: its database was damaged' }),
        detail: `the damaged database was kept as ${setAside}`,
      });
    }
    return store;
  });
}

function openOrReplace(path: string, warn: (line: string) => void): { db: Database; setAside: string | undefined } {
  const damage = damageOf(path);
  if (typeof damage !== 'string') return { db: damage ?? createAt(path), setAside: undefined };
  const setAside = moveAside(path);
  warn(`the State Hub's database ${path} is damaged (${damage}): it was kept as ${setAside}, and a new one was begun`);
  return { db: createAt(path), setAside };
}

/** The opened database; what is wrong with it, if it has to be set aside; undefined when there is none. */
function damageOf(path: string): Database | string | undefined {
  // A log without its database holds writes that were acknowledged, and must not be played into a new file.
  if (!existsSync(path)) return existsSync(`${path}-wal`) ? 'the database is gone, its log is not' : undefined;
  if (!statSync(path).isFile()) {
    throw new FleetError({
      code: 'hub-database-foreign',
      problem: 'not a regular file',
      place: path,
      remedy: 'give a file as --database',
    });
  }
  if (statSync(path).size === 0) return 'the file is empty';
  const db = new Database(path, { fileMustExist: true });
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    const owner = db.get('PRAGMA application_id')?.['application_id'];
    const check = db.get('PRAGMA quick_check(1)')?.['quick_check'];
    if (check !== 'ok') return closed(db, JSON.stringify(check));
    if (owner !== APPLICATION_ID) {
      throw new FleetError({
        code: 'hub-database-foreign',
        problem: 'this database belongs to another program',
        place: path,
        value: owner,
        remedy: 'give another file as --database',
      });
    }
    return db;
  } catch (error) {
    closed(db, '');
    if (error instanceof Error && /malformed|not a database/.test(error.message)) return error.message;
    throw error;
  }
}

function closed<T>(db: Database, result: T): T {
  try {
    db.close();
  } catch {
    // Closing a damaged database may fail as reading it did; it is set aside anyway.
  }
  return result;
}

/** Made under another name and renamed when complete, so that a killed first start leaves no half-made database. */
function createAt(path: string): Database {
  const draft = `${path}.new`;
  removeStaleLock(draft);
  for (const leftover of [draft, `${draft}-wal`, `${draft}-journal`]) rmSync(leftover, { force: true });
  const db = new Database(draft);
  db.exec('PRAGMA locking_mode = EXCLUSIVE');
  db.exec('PRAGMA journal_mode = WAL');
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  db.close();
  renameSync(draft, path);
  syncDirectory(path);
  return new Database(path, { fileMustExist: true });
}

function migrate(db: Database, path: string): void {
  db.exec('PRAGMA locking_mode = EXCLUSIVE');
  const mode = db.get('PRAGMA journal_mode = WAL')?.['journal_mode'];
  if (mode !== 'wal') throw storageError(path, new Error(`the journal mode is ${JSON.stringify(mode)}, not wal`));
  db.exec('PRAGMA synchronous = FULL');
  const version = Number(db.get('PRAGMA user_version')?.['user_version']);
  if (version > MIGRATIONS.length) {
    closed(db, undefined);
    throw new FleetError({
      code: 'hub-database-newer',
      problem: `the database was written by a newer buildfleet, this one knows formats up to ${MIGRATIONS.length}`,
      place: path,
      value: version,
      remedy: 'run that version of buildfleet, or give another --database',
    });
  }
  transaction(db, () => {
    MIGRATIONS.slice(version).forEach((script) => {
      db.exec(script);
    });
    db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  });
}

function storeOver(db: Database, path: string, now: () => Date, setAside: string | undefined): HubStore {
  const rows = (sql: string, values: BindValues) => db.all(sql, values).map((row) => rowSchema.parse(row));
  const byId = (id: string) => rows('SELECT * FROM capability WHERE id = ?', [id])[0];
  const byTitle = (entry: NewCapability) =>
    rows('SELECT * FROM capability WHERE domain = ? AND capability_type = ? AND title = ?', [
      entry.domain,
      entry.capability_type,
      entry.title,
    ])[0];
  const heartbeatsOf = (id: string): HeartbeatHistory | undefined => {
    // A row that cannot be read is begun anew with the next heartbeat: it is no reason to refuse that.
    const row = historyRowSchema.safeParse(
      db.get('SELECT since, latest, ring FROM heartbeat WHERE capability_id = ?', id),
    );
    return row.success ? row.data : undefined;
  };
  const save = (entry: Capability, at: Date): Capability => {
    const { since, latest, ring } = withHeartbeat(heartbeatsOf(entry.id), at);
    db.run('INSERT OR REPLACE INTO heartbeat VALUES (?, ?, ?, ?)', [entry.id, since, latest, ring]);
    db.run('INSERT OR REPLACE INTO capability VALUES (?, ?, ?, ?, ?, ?, ?, ?)', [
      entry.id,
      entry.domain,
      entry.capability_type,
      entry.title,
      entry.description,
      JSON.stringify(entry.keywords),
      entry.created_at ?? '',
      entry.updated_at ?? '',
    ]);
    return entry;
  };
  const write = <T>(body: () => T): T => guarded(path, () => transaction(db, body));
  return {
    setAside,
    list: ({ capabilityType = null, domain = null }) =>
      guarded(path, () =>
        rows(
          'SELECT * FROM capability WHERE (?1 IS NULL OR capability_type = ?1) AND (?2 IS NULL OR domain = ?2) ORDER BY created_at, id',
          [capabilityType, domain],
        ),
      ),
    find: (id) => guarded(path, () => byId(id)),
    put: (entry) =>
      write(() => {
        const existing = byTitle(entry);
        const at = now();
        const stamp = at.toISOString();
        if (
          existing === undefined &&
          Number(db.get('SELECT count(*) AS n FROM capability')?.['n']) >= CAPABILITY_LIMIT
        ) {
          throw new FleetError({
            code: 'hub-full',
            problem: `the hub holds ${CAPABILITY_LIMIT} entries and takes no more`,
            remedy: 'delete entries that are not needed',
          });
        }
        const made = {
          ...entry,
          id: existing?.id ?? randomUUID(),
          created_at: existing?.created_at ?? stamp,
          updated_at: stamp,
        };
        return { entry: save(made, at), created: existing === undefined };
      }),
    patch: (id, patch) =>
      write(() => {
        const existing = byId(id);
        if (existing === undefined) return undefined;
        const at = now();
        const changed: Capability = { ...existing, ...definedIn(patch), updated_at: at.toISOString() };
        const holder = byTitle(changed);
        return holder === undefined || holder.id === id ? save(changed, at) : 'conflict';
      }),
    heartbeatsOf: (id) => guarded(path, () => heartbeatsOf(id)),
    remove: (id) =>
      write(() => {
        db.run('DELETE FROM heartbeat WHERE capability_id = ?', [id]);
        return db.run('DELETE FROM capability WHERE id = ?', [id]).changes > 0;
      }),
    addProgress: (note) =>
      write(() => {
        const stored = { ...note, created_at: now().toISOString() };
        const { lastInsertRowid } = db.run(
          'INSERT INTO progress (domain, event_type, summary, detail, created_at) VALUES (?, ?, ?, ?, ?)',
          [stored.domain, stored.event_type, stored.summary, stored.detail, stored.created_at],
        );
        db.run('DELETE FROM progress WHERE id <= ?', [Number(lastInsertRowid) - PROGRESS_KEPT]);
        return { ...stored, id: String(lastInsertRowid) };
      }),
    listProgress: (limit) =>
      guarded(path, () =>
        db.all('SELECT * FROM progress ORDER BY id DESC LIMIT ?', [limit]).map((row) => progressRowSchema.parse(row)),
      ),
    close: () => {
      guarded(path, () => {
        db.close();
      });
    },
  };
}

function definedIn(patch: CapabilityPatch): Partial<NewCapability> {
  return Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
}

function transaction<T>(db: Database, body: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = body();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    // A failed COMMIT on a full disk has rolled back by itself.
    if (db.inTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function removeStaleLock(path: string): void {
  try {
    rmdirSync(`${path}.lock`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** The log goes along under the matching name, so that SQLite's own tools can still read both together. */
function moveAside(path: string): string {
  let n = 1;
  while (existsSync(`${path}.damaged-${n}`) || existsSync(`${path}.damaged-${n}-wal`)) n += 1;
  for (const suffix of ['', '-wal', '-journal']) {
    if (existsSync(`${path}${suffix}`)) renameSync(`${path}${suffix}`, `${path}.damaged-${n}${suffix}`);
  }
  removeStaleLock(path);
  syncDirectory(path);
  return `${path}.damaged-${n}`;
}

function syncDirectory(path: string): void {
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function guarded<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw isFleetError(error) ? error : storageError(path, error);
  }
}

function storageError(path: string, cause: unknown): FleetError {
  return new FleetError({
    code: 'hub-storage',
    problem: `the State Hub's database could not be read or written: ${cause instanceof Error ? cause.message : String(cause)}`,
    place: path,
    remedy: 'check free space and permissions there, then start the hub again',
    cause,
  });
}
