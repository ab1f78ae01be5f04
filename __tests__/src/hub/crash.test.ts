import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHubClient } from '../../../src/hub/client';
import { typeEntry, type Capability } from '../../../src/model/capability';
import { bundleHub } from '../../../src/programs/hub';
import { temporaryDirectory } from '../../support/temporary-directory';
import { endBundledHubs, startBundledHub, type BundledHub } from './support/bundled-hub';

jest.setTimeout(120_000);

/**
 * Ends the process as `kill -9` does, right before its n-th call that changes files; with DIE_IN=database, the n-th that
 * changes the database file itself, which only happens while the log is folded into it.
 */
const DIE_AT_WRITE = `
const fs = require('fs');
let left = Number(process.env.DIE_AT_WRITE);
const databases = new Set();
const openSync = fs.openSync;
fs.openSync = (path, ...args) => {
  const fd = openSync(path, ...args);
  if (String(path).endsWith('hub.db')) databases.add(fd);
  else databases.delete(fd);
  return fd;
};
const counts = (target) =>
  process.env.DIE_IN === 'database' ? databases.has(target) : target !== 1 && target !== 2;
for (const name of ['writeSync', 'fsyncSync', 'ftruncateSync', 'unlinkSync', 'renameSync', 'mkdirSync', 'rmdirSync']) {
  const original = fs[name];
  fs[name] = (...args) => {
    if (counts(args[0]) && (left -= 1) === 0) process.kill(process.pid, 'SIGKILL');
    return original(...args);
  };
}
`;

const QUERY = { capabilityType: 'haskell-build-agent', domain: 'railiance' };

let directory: string;
let script: string;
let preload: string;
let serial = 0;

beforeAll(() => {
  directory = temporaryDirectory();
  [script] = bundleHub(directory) as [string];
  preload = join(directory, 'die-at-write.js');
  writeFileSync(preload, DIE_AT_WRITE);
});

afterAll(() => {
  endBundledHubs();
});

const start = (database: string, env: Record<string, string> = {}) =>
  startBundledHub(script, ['--port', '0', '--database', database], env);

/** What the hub has acknowledged: the last answer for each title, or that it was deleted. Titles in doubt are absent. */
type Acknowledged = Map<string, Capability | 'deleted'>;

/** Writes until the hub dies: creates, changes and deletes entries, each answer noted. */
async function writeUntilDead(hub: BundledHub, acknowledged: Acknowledged, killAfter: number): Promise<void> {
  const client = createHubClient({ url: hub.url });
  let answers = 0;
  const writer = async (name: string) => {
    for (let n = 0; ; n += 1) {
      // Long, so that commits span pages and the log is folded into the database now and then.
      const entry = { ...typeEntry(), title: `${name}-${n % 7}`, description: `${n} `.padEnd(3000, 'x') };
      const before = acknowledged.get(entry.title);
      acknowledged.delete(entry.title);
      if (n % 5 === 4 && before !== undefined && before !== 'deleted') {
        await client.remove(before.id);
        acknowledged.set(entry.title, 'deleted');
      } else {
        acknowledged.set(entry.title, await client.create(entry));
      }
      answers += 1;
      if (answers === killAfter) hub.child.kill('SIGKILL');
    }
  };
  await Promise.allSettled(['a', 'b', 'c'].map((name) => writer(`${name}${(serial += 1)}`)));
  expect(await hub.ended).toBe('SIGKILL');
}

async function expectAllThere(hub: BundledHub, acknowledged: Acknowledged): Promise<void> {
  const entries = new Map((await createHubClient({ url: hub.url }).list(QUERY)).map((entry) => [entry.title, entry]));
  for (const [title, expected] of acknowledged) {
    if (expected === 'deleted') expect(entries.has(title)).toBe(false);
    else expect(entries.get(title)).toEqual(expected);
  }
}

it('loses no acknowledged write and is never locked, killed again and again', async () => {
  const state = join(directory, 'again');
  const acknowledged: Acknowledged = new Map();
  for (const killAfter of [1, 40, 7, 90]) {
    const hub = await start(join(state, 'hub.db'));
    await expectAllThere(hub, acknowledged);
    await writeUntilDead(hub, acknowledged, killAfter);
  }
  const hub = await start(join(state, 'hub.db'));
  await expectAllThere(hub, acknowledged);
  expect(acknowledged.size).toBeGreaterThan(10);
  expect(readdirSync(state).filter((name) => name.includes('damaged'))).toEqual([]);
  hub.child.kill('SIGTERM');
  expect(await hub.ended).toBe(0);
});

it('remembers a heartbeat that was acknowledged right before it was killed', async () => {
  const database = join(directory, 'history', 'hub.db');
  const hub = await start(database);
  await createHubClient({ url: hub.url }).create({ ...typeEntry(), keywords: [] });
  hub.child.kill('SIGKILL');
  await hub.ended;
  const next = await start(database);
  const page = await (await fetch(next.url)).text();
  expect(page).toMatch(/last hour: heartbeats in 1 of [12] minutes/);
  next.child.kill('SIGTERM');
  expect(await next.ended).toBe(0);
});

describe('killed right before a change of a file', () => {
  /** @returns whether the hub had come up before it was killed. */
  const dieAt = async (n: number, place: 'anything' | 'database'): Promise<boolean> => {
    const state = join(directory, `${place}-${n}`);
    const acknowledged: Acknowledged = new Map();
    const env = { NODE_OPTIONS: `--require ${preload}`, DIE_AT_WRITE: String(n), DIE_IN: place };
    const hub = await start(join(state, 'hub.db'), env).catch((error: unknown) => {
      expect(String(error)).toContain('ended with SIGKILL');
      return undefined;
    });
    if (hub !== undefined) await writeUntilDead(hub, acknowledged, Infinity);
    const next = await start(join(state, 'hub.db'));
    await expectAllThere(next, acknowledged);
    expect((await createHubClient({ url: next.url }).upsert(typeEntry())).outcome).toBe('created');
    expect(readdirSync(state).filter((name) => name.includes('damaged'))).toEqual([]);
    next.child.kill('SIGTERM');
    expect(await next.ended).toBe(0);
    return hub !== undefined;
  };

  it.each([2, 9, 20, 33])('the %i. one, during the first start', async (n) => {
    expect(await dieAt(n, 'anything')).toBe(false);
  });

  it.each([80, 81, 82])('the %i. one, while it serves', async (n) => {
    expect(await dieAt(n, 'anything')).toBe(true);
  });

  it.each([1, 17])('the %i. one in the database itself, while the log is folded into it', async (n) => {
    expect(await dieAt(n, 'database')).toBe(true);
  });
});
