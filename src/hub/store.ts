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
import { hostNameOfTitle, isTypeEntry, progressNoteSchema } from '../model/capability';
import { FleetError, isFleetError } from '../model/errors';
import { ANSWER_BYTES, CAPABILITY_LIMIT, ENTRY_BYTES, NOTES_KEPT, PAGE_ENTRIES, VM_NOTES_KEPT } from './limits';
import { RING_BYTES, withHeartbeat, type HeartbeatHistory } from './heartbeats';

/** Marks the file as this program's (`bfhu`), so that another program's database is never written to. */
const APPLICATION_ID = 0x62666875;

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
  `ALTER TABLE capability ADD COLUMN owner TEXT NOT NULL DEFAULT '';
   ALTER TABLE progress ADD COLUMN owner TEXT NOT NULL DEFAULT '';
   CREATE INDEX progress_of_owner ON progress (owner, id);`,
];

/** Rows that are read at a time: an answer is full after a few of the largest, or after hundreds of usual ones. */
const ROWS = 100;

/** What to list; without a member, everything. */
export interface CapabilityFilter {
  readonly capabilityType?: string | undefined;
  readonly domain?: string | undefined;
  readonly title?: string | undefined;
  /** {@link CatalogPage.next} of the page before. */
  readonly after?: string | undefined;
  /** Most entries of the page. */
  readonly limit?: number | undefined;
  /** Author whose entries come before all others, so that a client that reads no second page finds its own. */
  readonly first?: string | undefined;
}

/** As many entries as one answer may hold. */
export interface CatalogPage {
  readonly entries: Capability[];
  /** Where the next page begins; undefined when this is the last one. */
  readonly next: string | undefined;
}

/** Author of what the operator's own tools wrote, or of what was written before authors were kept. */
export const OPERATOR = '';

/** What the hub remembers. Every write that returned is on the disk. All methods throw FleetError `hub-storage`. */
export interface HubStore {
  /** Path that a damaged predecessor was moved to at this start, for a message to the operator. */
  readonly setAside: string | undefined;
  /** Entries, oldest first, as many as fit into {@link ANSWER_BYTES}. */
  list(filter: CapabilityFilter): CatalogPage;
  find(id: string): Capability | undefined;
  /** The entry with that domain, type and title. */
  named(name: Pick<NewCapability, 'domain' | 'capability_type' | 'title'>): Capability | undefined;
  /** Author of an entry; undefined when there is none. */
  ownerOf(id: string): string | undefined;
  /** Number of entries of one author. */
  countOf(owner: string): number;
  /** Makes an entry, or updates the one with the same domain, type and title. @param owner its author from now on */
  put(entry: NewCapability, owner?: string): { readonly entry: Capability; readonly created: boolean };
  /** The entry after the change; undefined when there is none; `conflict` when another has that title already. */
  patch(id: string, patch: CapabilityPatch): Capability | 'conflict' | undefined;
  /** When the entry was made or changed lately; undefined when it never was since histories are kept. */
  heartbeatsOf(id: string): HeartbeatHistory | undefined;
  /** Whether there was such an entry; its history goes with it. */
  remove(id: string): boolean;
  /** Deletes entries of machines whose last heartbeat was before then, and tells how many. */
  expire(before: Date): number;
  /** Keeps a note, and drops the oldest ones of the same author. */
  addProgress(note: z.output<typeof progressNoteSchema>, owner?: string): StoredProgressNote;
  /**
   * The newest notes, newest first, as many as fit into {@link ANSWER_BYTES}.
   *
   * @param perVm most notes of one VM
   */
  listProgress(limit: number, perVm?: number): StoredProgressNote[];
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
    owner: z.string(),
  })
  .transform(({ id, owner, ...note }): StoredProgressNote => ({ ...note, id: String(id), author: authorName(owner) }));

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
  const byTitle = (entry: Pick<NewCapability, 'domain' | 'capability_type' | 'title'>) =>
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
  const ownerOf = (id: string): string | undefined => {
    const owner = db.get('SELECT owner FROM capability WHERE id = ?', id)?.['owner'];
    return typeof owner === 'string' ? owner : undefined;
  };
  const save = (entry: Capability, at: Date, owner: string): Capability => {
    if (jsonBytes(entry) > ENTRY_BYTES) {
      throw new FleetError({
        code: 'hub-entry-too-large',
        problem: `an entry may have ${ENTRY_BYTES} bytes`,
        place: entry.title,
        value: jsonBytes(entry),
        remedy: 'shorten its description, or give it fewer keywords',
      });
    }
    const { since, latest, ring } = withHeartbeat(heartbeatsOf(entry.id), at);
    db.run('INSERT OR REPLACE INTO heartbeat VALUES (?, ?, ?, ?)', [entry.id, since, latest, ring]);
    db.run('INSERT OR REPLACE INTO capability VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', [
      entry.id,
      entry.domain,
      entry.capability_type,
      entry.title,
      entry.description,
      JSON.stringify(entry.keywords),
      entry.created_at ?? '',
      entry.updated_at ?? '',
      owner,
    ]);
    return entry;
  };
  const write = <T>(body: () => T): T => guarded(path, () => transaction(db, body));
  return {
    setAside,
    list: ({ after = '', limit = PAGE_ENTRIES, ...filter }) =>
      guarded(path, () => {
        const [isOthers = '0', createdAt = '', id = ''] = after.split(' ');
        let from: readonly [number, string, string] = [Number(isOthers) || 0, createdAt, id];
        const entries: Capability[] = [];
        const room = answerRoom();
        const { capabilityType = null, domain = null, title = null, first = null } = filter;
        for (;;) {
          const read = rows(
            `SELECT * FROM capability
             WHERE (?1 IS NULL OR capability_type = ?1) AND (?2 IS NULL OR domain = ?2) AND (?3 IS NULL OR title = ?3)
               AND (?4 IS NOT NULL AND owner <> ?4, created_at, id) > (?5, ?6, ?7)
             ORDER BY ?4 IS NOT NULL AND owner <> ?4, created_at, id LIMIT ${ROWS}`,
            [capabilityType, domain, title, first, ...from],
          );
          for (const entry of read) {
            const next = from.join(' ');
            if (entries.length >= limit || !room.takes(entry)) return { entries, next };
            entries.push(entry);
            from = [first !== null && ownerOf(entry.id) !== first ? 1 : 0, entry.created_at ?? '', entry.id];
          }
          if (read.length < ROWS) return { entries, next: undefined };
        }
      }),
    find: (id) => guarded(path, () => byId(id)),
    named: (name) => guarded(path, () => byTitle(name)),
    countOf: (owner) =>
      guarded(path, () => Number(db.get('SELECT count(*) AS n FROM capability WHERE owner = ?', owner)?.['n'])),
    ownerOf: (id) => guarded(path, () => ownerOf(id)),
    put: (entry, owner = OPERATOR) =>
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
        return { entry: save(made, at, owner), created: existing === undefined };
      }),
    patch: (id, patch) =>
      write(() => {
        const existing = byId(id);
        if (existing === undefined) return undefined;
        const at = now();
        const changed: Capability = { ...existing, ...definedIn(patch), updated_at: at.toISOString() };
        const holder = byTitle(changed);
        return holder === undefined || holder.id === id ? save(changed, at, ownerOf(id) ?? OPERATOR) : 'conflict';
      }),
    heartbeatsOf: (id) => guarded(path, () => heartbeatsOf(id)),
    remove: (id) =>
      write(() => {
        db.run('DELETE FROM heartbeat WHERE capability_id = ?', [id]);
        return db.run('DELETE FROM capability WHERE id = ?', [id]).changes > 0;
      }),
    expire: (before) =>
      write(() => {
        const old = rows('SELECT * FROM capability WHERE updated_at < ?', [before.toISOString()]);
        const gone = old.filter(
          (entry) =>
            !isTypeEntry(entry) && (hostNameOfTitle(entry.title) !== undefined || ownerOf(entry.id) !== OPERATOR),
        );
        for (const { id } of gone) {
          db.run('DELETE FROM heartbeat WHERE capability_id = ?', [id]);
          db.run('DELETE FROM capability WHERE id = ?', [id]);
        }
        return gone.length;
      }),
    addProgress: (note, owner = OPERATOR) =>
      write(() => {
        const stored = { ...note, created_at: now().toISOString(), author: authorName(owner) };
        const { lastInsertRowid } = db.run(
          'INSERT INTO progress (domain, event_type, summary, detail, created_at, owner) VALUES (?, ?, ?, ?, ?, ?)',
          [stored.domain, stored.event_type, stored.summary, stored.detail, stored.created_at, owner],
        );
        db.run(
          'DELETE FROM progress WHERE owner = ?1 AND id NOT IN (SELECT id FROM progress WHERE owner = ?1 ORDER BY id DESC LIMIT ?2)',
          [owner, owner === OPERATOR ? NOTES_KEPT : VM_NOTES_KEPT],
        );
        return { ...stored, id: String(lastInsertRowid) };
      }),
    listProgress: (limit, perVm = VM_NOTES_KEPT) =>
      guarded(path, () => {
        const room = answerRoom();
        const notes = db.all(
          `SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY owner ORDER BY id DESC) AS n FROM progress)
           WHERE owner = '' OR n <= ? ORDER BY id DESC LIMIT ?`,
          [perVm, limit],
        );
        return notes.map((row) => progressRowSchema.parse(row)).filter((note) => room.takes(note));
      }),
    close: () => {
      guarded(path, () => {
        db.close();
      });
    },
  };
}

/** As readers see an author: the name of a VM, or nothing. */
function authorName(owner: string): string {
  return owner.replace(/^vm:/, '');
}

/** Counts what goes into one answer; once something did not fit, nothing does. */
function answerRoom(): { takes(item: unknown): boolean } {
  let left = ANSWER_BYTES;
  return {
    takes: (item) => {
      left -= jsonBytes(item) + 1;
      return left > 0;
    },
  };
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
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
