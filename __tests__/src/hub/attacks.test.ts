import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createHubClient } from '../../../src/hub/client';
import { ANSWER_BYTES } from '../../../src/hub/limits';
import { BUILD_AGENT_TYPE, instanceTitle, typeEntry, type NewCapability } from '../../../src/model/capability';
import { openHubStore } from '../../../src/hub/store';
import { bundleHub } from '../../../src/programs/hub';
import { tunnelKeyLine } from '../../../src/rendering/authorized-keys';
import { temporaryDirectory } from '../../support/temporary-directory';
import { until } from '../../support/until';
import { freePorts } from '../../support/workstation';
import { endBundledHubs, startBundledHub, type BundledHub } from './support/bundled-hub';
import { rawRequest } from './support/running-hub';
import { startStandInTunnel, type StandInTunnel } from './support/stand-in-tunnel';

// Each of these made the hub useless for all, or cost the workstation its memory. The attacker is the VM mallory.

const QUERY = { capabilityType: BUILD_AGENT_TYPE, domain: 'railiance' };
const NAMES = ['mallory', 'alpha'] as const;

/** Milliseconds that an agent waits for an answer. */
const PATIENCE_MS = 10_000;

jest.setTimeout(60_000);

let script: string;
let directory: string;
let hub: BundledHub;
let mallory: StandInTunnel;
let alpha: StandInTunnel;
let ports: number[];

beforeAll(() => {
  [script] = bundleHub(temporaryDirectory()) as [string];
});

/** @param entries that the hub has from the start */
async function start(entries: readonly NewCapability[] = []): Promise<void> {
  directory = temporaryDirectory();
  const database = join(directory, 'hub.sqlite');
  const store = openHubStore(database);
  for (const entry of entries) store.put(entry);
  store.close();
  ports = await freePorts(2);
  const keys = join(directory, 'authorized_keys');
  const line = (name: string, n: number) =>
    tunnelKeyLine({
      port: ports[n]!,
      hubPort: 8000,
      publicKey: `ssh-ed25519 AAAA buildfleet haskell-build-${name} tunnel_ed25519`,
    });
  writeFileSync(keys, NAMES.map(line).join(''));
  hub = await startBundledHub(script, [...['--port', '0', '--database', database], ...['--tunnels', keys]]);
  [mallory, alpha] = (await Promise.all(ports.map((port) => startStandInTunnel(port, hub.url)))) as [
    StandInTunnel,
    StandInTunnel,
  ];
}

afterEach(async () => {
  await Promise.all([mallory.stop(), alpha.stop()]);
  hub.child.kill('SIGTERM');
  await hub.ended;
});

afterAll(endBundledHubs);

const operator = () => createHubClient({ url: hub.url, services: directory, timeoutMs: 20_000 });
const machine = (name: string, change: Partial<NewCapability> = {}): NewCapability => ({
  domain: 'railiance',
  capability_type: BUILD_AGENT_TYPE,
  title: instanceTitle(`haskell-build-${name}`),
  description: 'ghc=9.6.6',
  keywords: ['haskell', 'ghc-9.6.6'],
  ...change,
});
const post = (from: { readonly url: string }, body: unknown, path = '/capability-catalog/') =>
  rawRequest(`${from.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

/** What an agent does with each heartbeat: it succeeds within the agent's patience. */
async function beat(tunnel: StandInTunnel): Promise<number> {
  const begun = performance.now();
  const list = await rawRequest(`${tunnel.url}/capability-catalog/?capability_type=${BUILD_AGENT_TYPE}`);
  expect(list.status).toBe(200);
  expect(list.text.length).toBeLessThan(1024 * 1024);
  expect([200, 201]).toContain((await post(tunnel, machine('alpha'))).status);
  return performance.now() - begun;
}

/** A connection on which requests are written, and nothing is ever read. */
function silent(to: { readonly url: string }, text = ''): Promise<Socket> {
  return new Promise((done, fail) => {
    const socket = connect(Number(new URL(to.url).port), '127.0.0.1', () => {
      socket.write(text);
      done(socket);
    });
    socket.pause();
    socket.once('error', fail);
    socket.on('error', () => socket.destroy());
  });
}

/** Until the hub has closed all of them. They read, which alone shows it, but send nothing. */
async function closed(sockets: readonly Socket[]): Promise<void> {
  for (const socket of sockets) socket.resume();
  await until('the hub has closed them', 30, () => sockets.every((socket) => socket.closed));
}

/** Most memory that the hub has had, in MiB. */
const memory = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${hub.child.pid}/status`, 'utf8'))?.[1]) / 1024;

test('entries as large as a body may be do not make answers larger than readers take', async () => {
  await start();
  const large = 'x'.repeat(4000);
  const keywords = Array.from({ length: 64 }, (_, n) => String(n).padEnd(200, '\u{1F600}').slice(0, 200));
  const statuses: number[] = [];
  for (let n = 0; n < 25; n += 1)
    statuses.push((await post(mallory, machine('mallory', { domain: `d${n}`, description: large, keywords }))).status);
  expect([...new Set(statuses)]).toEqual([413]);
  // The largest that are taken, from the operator's tools: more than fit into one answer.
  for (let n = 0; n < 80; n += 1)
    await operator().create(machine('x', { title: `${n}`, description: large, keywords: keywords.slice(0, 24) }));
  await operator().upsert(typeEntry());
  expect(await beat(alpha)).toBeLessThan(PATIENCE_MS);
  expect((await rawRequest(`${hub.url}/capability-catalog/`)).text.length).toBeLessThan(ANSWER_BYTES);
  expect(await operator().list(QUERY)).toHaveLength(82);
  // An agent that reads no second page finds its own entry on the first one.
  const first = await rawRequest(`${alpha.url}/capability-catalog/`);
  expect(first.headers['link']).toMatch(/; rel="next"$/);
  expect(first.text).toContain(instanceTitle('haskell-build-alpha'));
});

test('a thousand idle connections keep no client out', async () => {
  await start();
  const idle = await Promise.all(Array.from({ length: 1000 }, () => silent(mallory)));
  expect(await beat(alpha)).toBeLessThan(PATIENCE_MS);
  expect((await rawRequest(`${hub.url}/health`)).status).toBe(200);
  // The attacker itself, too: what is idle makes room.
  expect((await rawRequest(`${mallory.url}/health`)).status).toBe(200);
  await closed(idle);
});

test.each(['mallory', 'a program of the workstation'])(
  'readers that do not read cost no memory: %s',
  async (attacker) => {
    await start(Array.from({ length: 70 }, (_, n) => machine('x', { title: `${n}`, description: 'x'.repeat(4000) })));
    const requests = 'GET /capability-catalog/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(500);
    const before = memory();
    const readers = await Promise.all(
      Array.from({ length: 24 }, () => silent(attacker === 'mallory' ? mallory : hub, requests)),
    );
    expect(await beat(alpha)).toBeLessThan(PATIENCE_MS);
    await closed(readers);
    expect(memory() - before).toBeLessThan(200);
  },
);

test('thousands of entries do not make a read slow', async () => {
  const description = 'x'.repeat(400);
  await start(Array.from({ length: 2000 }, (_, n) => machine('x', { title: `machine ${n}`, description })));
  expect(await beat(alpha)).toBeLessThan(PATIENCE_MS);
  const begun = performance.now();
  const one = await rawRequest(`${hub.url}/capability-catalog/?title=machine+1999`);
  const timeOfOne = performance.now() - begun;
  expect(JSON.parse(one.text)).toHaveLength(1);
  expect(await operator().list(QUERY)).toHaveLength(2001);
  // A limit of its own would tell how busy this machine is.
  expect(timeOfOne).toBeLessThan(performance.now() - begun - timeOfOne);
});

test('a hundred clients that post without end leave the others their turn', async () => {
  await start();
  let on = true;
  let taken = 0;
  const poster = async () => {
    while (on) {
      const { status } = await post(mallory, { summary: 'noise' }, '/progress/').catch(() => ({ status: 0 }));
      taken += status === 201 ? 1 : 0;
    }
  };
  await operator().postProgress({ summary: 'the operator deploys' });
  const posters = Array.from({ length: 100 }, poster);
  const begun = Date.now();
  try {
    for (let n = 0; n < 5; n += 1) expect(await beat(alpha)).toBeLessThan(PATIENCE_MS);
    expect(await operator().postProgress({ summary: 'and goes on' })).toBe(true);
  } finally {
    on = false;
    await Promise.all(posters);
  }
  expect(taken).toBeLessThan(60 + 4 * ((Date.now() - begun) / 1000 + 1));
  const notes = (await rawRequest(`${hub.url}/progress/?limit=1000`)).text;
  expect(notes).toContain('the operator deploys');
  expect(notes).toContain('and goes on');
});
