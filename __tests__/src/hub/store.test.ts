import fs, { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Database } from 'node-sqlite3-wasm';
import { HISTORY_MINUTES, lastMinutes, RING_BYTES } from '../../../src/hub/heartbeats';
import { openHubStore } from '../../../src/hub/store';
import { instanceTitle, typeEntry } from '../../../src/model/capability';
import { temporaryDirectory } from '../../support/temporary-directory';

let directory: string;
let path: string;
let warnings: string[];

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory, 'hub.db');
  warnings = [];
});

const open = () => openHubStore(path, { warn: (line) => warnings.push(line) });
const files = () => readdirSync(directory).sort();

function withEntry(): void {
  const store = open();
  store.put(typeEntry());
  store.close();
}

function raw(sql: string): void {
  const db = new Database(path);
  db.exec('PRAGMA locking_mode = EXCLUSIVE');
  db.exec(sql);
  db.close();
}

it('remembers across a close, in one file that only its owner reads', () => {
  withEntry();
  expect(files()).toEqual(['hub.db']);
  const store = open();
  expect(store.list({}).entries).toMatchObject([typeEntry()]);
  expect(store.setAside).toBeUndefined();
  store.close();
  expect(warnings).toEqual([]);
});

it('acknowledges nothing before it is on the disk', () => {
  const store = open();
  const synced = jest.spyOn(fs, 'fsyncSync');
  const { entry } = store.put(typeEntry());
  expect(synced).toHaveBeenCalledTimes(1);
  store.patch(entry.id, {});
  expect(synced).toHaveBeenCalledTimes(2);
  store.remove(entry.id);
  expect(synced).toHaveBeenCalledTimes(3);
  synced.mockRestore();
  store.close();
});

it('is not held up by what a killed process left', () => {
  withEntry();
  mkdirSync(`${path}.lock`);
  mkdirSync(`${path}.new.lock`);
  writeFileSync(`${path}.new`, 'half made');
  const store = open();
  expect(store.list({}).entries).toHaveLength(1);
  store.close();
});

it('is made although a first start was killed half way', () => {
  mkdirSync(`${path}.new.lock`);
  writeFileSync(`${path}.new`, 'half made');
  writeFileSync(`${path}.new-journal`, 'half made');
  withEntry();
  expect(files()).toEqual(['hub.db']);
});

describe('a damaged database', () => {
  const expectSetAside = (n: number, bytes: Buffer) => {
    const store = open();
    const kept = `${path}.damaged-${n}`;
    expect(store.setAside).toBe(kept);
    expect(readFileSync(kept).equals(bytes)).toBe(true);
    expect(warnings.at(-1)).toContain(kept);
    expect(store.listProgress(1)[0]?.detail).toContain(kept);
    expect(store.list({}).entries).toEqual([]);
    store.put(typeEntry());
    store.close();
  };

  it('is kept, said, and replaced: text', () => {
    writeFileSync(path, 'not a database, but somebody wrote it\n'.repeat(100));
    expectSetAside(1, readFileSync(path));
  });

  it('is kept, said, and replaced: empty', () => {
    writeFileSync(path, '');
    expectSetAside(1, Buffer.alloc(0));
  });

  it('is kept, said, and replaced: pages overwritten or cut off, twice', () => {
    withEntry();
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0xff, 4096, 3 * 4096));
    expectSetAside(1, bytes);
    const cut = readFileSync(path).subarray(0, 3 * 4096 + 100);
    writeFileSync(path, cut);
    expectSetAside(2, cut);
    expect(files()).toEqual(['hub.db', 'hub.db.damaged-1', 'hub.db.damaged-2']);
  });

  it('takes its log along', () => {
    writeFileSync(`${path}-wal`, 'log without a database');
    const store = open();
    expect(readFileSync(`${path}.damaged-1-wal`, 'utf8')).toBe('log without a database');
    store.close();
  });
});

describe('a file that is not ours', () => {
  it('is refused and left alone: another program', () => {
    raw('CREATE TABLE photo (name TEXT)');
    const before = readFileSync(path);
    expect(open).toThrow(/another program.*another file/);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(files()).toEqual(['hub.db']);
  });

  it('is refused and left alone: a newer format', () => {
    withEntry();
    raw('PRAGMA user_version = 99');
    expect(open).toThrow(/newer buildfleet.*99/);
    raw('PRAGMA user_version = 3');
    const store = open();
    expect(store.list({}).entries).toHaveLength(1);
    store.close();
  });

  it('is refused: a directory', () => {
    mkdirSync(path);
    expect(open).toThrow('not a regular file');
    expect(existsSync(path)).toBe(true);
  });
});

it('keeps only the newest thousand notes', () => {
  const store = open();
  for (let n = 0; n < 1003; n += 1)
    store.addProgress({ domain: 'd', event_type: 'note', summary: `note ${n}`, detail: '' });
  const notes = store.listProgress(2000);
  expect(notes).toHaveLength(1000);
  expect([notes[0]?.summary, notes.at(-1)?.summary]).toEqual(['note 1002', 'note 3']);
  store.close();
});

it('forgets machines without heartbeats, and neither the type nor what the operator wrote', () => {
  let now = new Date('2026-11-01T00:00:00Z');
  const store = openHubStore(path, { now: () => now });
  const entry = { ...typeEntry(), keywords: [] };
  const alpha = store.put({ ...entry, title: instanceTitle('haskell-build-alpha') }).entry;
  const kept = [
    typeEntry(),
    { ...entry, title: 'A printer' },
    { ...entry, title: instanceTitle('haskell-build-beta') },
  ];
  for (const one of kept) store.put(one);
  store.put({ ...entry, title: 'from a VM' }, 'vm:haskell-build-gamma');
  now = new Date('2026-11-10T00:00:00Z');
  store.put(kept[2]!);
  expect(store.expire(new Date('2026-11-05T00:00:00Z'))).toBe(2);
  const titles = (entries: readonly { readonly title: string }[]) => entries.map(({ title }) => title).sort();
  expect(titles(store.list({}).entries)).toEqual(titles(kept));
  expect(store.heartbeatsOf(alpha.id)).toBeUndefined();
  expect(store.expire(new Date('2026-11-05T00:00:00Z'))).toBe(0);
  store.close();
});

it('undoes a write that failed half way, and goes on', () => {
  const store = open();
  const entry = typeEntry();
  const unwritable = { ...entry, title: 'other', description: Symbol('no text') as unknown as string };
  expect(() => store.put(unwritable)).toThrow('could not be read or written');
  expect(store.put(entry).created).toBe(true);
  expect(store.list({}).entries).toHaveLength(1);
  store.close();
});

describe('the history of heartbeats', () => {
  let now: Date;
  beforeEach(() => {
    now = new Date('2026-11-21T12:00:00Z');
  });
  const openAt = () => openHubStore(path, { now: () => now });
  const later = (minutes: number) => {
    now = new Date(now.getTime() + minutes * 60_000);
  };
  const shown = (store: ReturnType<typeof openAt>, id: string) =>
    lastMinutes(store.heartbeatsOf(id), now, 8)
      .map((minute) => ({ beat: '#', missed: '-', unknown: '.' })[minute])
      .join('');

  it('has a heartbeat for each write of the entry, and survives a close', () => {
    let store = openAt();
    const { entry } = store.put(typeEntry());
    later(1);
    store.patch(entry.id, {});
    later(2);
    store.put(typeEntry());
    expect(shown(store, entry.id)).toBe('....##-#');
    store.close();
    later(2);
    store = openAt();
    expect(shown(store, entry.id)).toBe('..##-#-.');
    store.close();
  });

  it('has none for a write that was refused, nor for other entries', () => {
    const store = openAt();
    const { entry } = store.put(typeEntry());
    const other = store.put({ ...typeEntry(), title: 'other' }).entry;
    later(1);
    expect(store.patch(other.id, { title: entry.title })).toBe('conflict');
    store.patch(entry.id, {});
    expect([shown(store, entry.id), shown(store, other.id)]).toEqual(['......##', '......#.']);
    expect(store.heartbeatsOf('nobody')).toBeUndefined();
    store.close();
  });

  it('takes the same room for an entry of any age, and none once it is gone', () => {
    const store = openAt();
    const { entry } = store.put(typeEntry());
    for (let n = 0; n < 50; n += 1) {
      later(HISTORY_MINUTES / 9);
      store.patch(entry.id, {});
    }
    store.close();
    const db = new Database(path);
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    expect(db.all('SELECT count(*) AS n, sum(length(ring)) AS bytes FROM heartbeat')).toEqual([
      { n: 1, bytes: RING_BYTES },
    ]);
    db.close();
    const again = openAt();
    again.remove(entry.id);
    expect(again.heartbeatsOf(entry.id)).toBeUndefined();
    expect(again.put(typeEntry()).created).toBe(true);
    again.close();
  });

  it('is begun anew when it cannot be read', () => {
    let store = openAt();
    const { entry } = store.put(typeEntry());
    store.close();
    raw("UPDATE heartbeat SET ring = x'00'");
    store = openAt();
    expect(store.heartbeatsOf(entry.id)).toBeUndefined();
    store.patch(entry.id, {});
    expect(shown(store, entry.id)).toBe('.......#');
    store.close();
  });
});

it('opens a database of format 1 and keeps all that is in it', () => {
  writeFileSync(path, gunzipSync(readFileSync(join(__dirname, 'support/hub-format-1.db.gz'))));
  for (const time of ['first', 'second']) {
    const store = open();
    expect(store.setAside).toBeUndefined();
    const entries = store.list({}).entries;
    expect(entries).toHaveLength(2);
    const type = entries.find(({ title }) => title === typeEntry().title);
    const alpha = entries.find((entry) => entry !== type);
    expect(type).toMatchObject({ ...typeEntry(), created_at: '2026-11-01T12:00:00.000Z' });
    expect(alpha).toMatchObject({
      title: 'Haskell Build Agent — haskell-build-alpha',
      updated_at: '2026-11-01T12:00:00.000Z',
    });
    expect(store.listProgress(10)).toMatchObject([{ summary: 'alpha is up' }]);
    expect([time, store.heartbeatsOf(type!.id) === undefined]).toEqual([time, time === 'first']);
    store.patch(type!.id, {});
    expect(store.heartbeatsOf(type!.id)?.ring).toHaveLength(RING_BYTES);
    store.close();
  }
  expect(warnings).toEqual([]);
});
