import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHubClient } from '../../../src/hub/client';
import { operatorSocket } from '../../../src/hub/operator-socket';
import { BUILD_AGENT_TYPE, instanceTitle, typeEntry, type NewCapability } from '../../../src/model/capability';
import { tunnelKeyLine } from '../../../src/rendering/authorized-keys';
import { temporaryDirectory } from '../../support/temporary-directory';
import { freePorts } from '../../support/workstation';
import { rawRequest, startHub } from './support/running-hub';
import { startStandInTunnel, type StandInTunnel } from './support/stand-in-tunnel';

const QUERY = { capabilityType: BUILD_AGENT_TYPE, domain: 'railiance' };

let directory: string;
let keys: string;
let hub: Awaited<ReturnType<typeof startHub>>;
let ports: number[];
/** Tunnels of two VMs, of one whose key does not name it, and a session of sshd that has opened no port. */
let alpha: StandInTunnel;
let beta: StandInTunnel;
let unnamed: StandInTunnel;
let portless: StandInTunnel;

beforeAll(async () => {
  directory = temporaryDirectory();
  keys = join(directory, 'authorized_keys');
  ports = await freePorts(3);
  const line = (port: number, comment: string) =>
    tunnelKeyLine({ port, hubPort: 8000, publicKey: `ssh-ed25519 AAAA ${comment}` });
  writeFileSync(
    keys,
    line(ports[0]!, 'buildfleet haskell-build-alpha tunnel_ed25519') +
      line(ports[1]!, 'buildfleet haskell-build-beta tunnel_ed25519') +
      line(ports[2]!, 'made by hand'),
  );
  hub = await startHub(join(directory, 'hub.sqlite'), { tunnels: keys });
  [alpha, beta, unnamed, portless] = (await Promise.all(
    [...ports, 0].map((port) => startStandInTunnel(port, hub.url)),
  )) as [StandInTunnel, StandInTunnel, StandInTunnel, StandInTunnel];
}, 30_000);

afterAll(async () => {
  await Promise.all([alpha, beta, unnamed, portless].map((tunnel) => tunnel.stop()));
  await hub.stop();
});

const operator = () => createHubClient({ url: hub.url, services: directory });
const send = async (from: { readonly url: string }, method: string, path: string, body?: unknown) => {
  const answer = await rawRequest(`${from.url}${path}`, {
    method,
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const { error } = (answer.text === '' ? {} : JSON.parse(answer.text)) as { error?: { code: string } };
  return error === undefined ? answer.status : `${answer.status} ${error.code}`;
};
const machine = (name: string, port: number): NewCapability => ({
  domain: 'railiance',
  capability_type: BUILD_AGENT_TYPE,
  title: instanceTitle(`haskell-build-${name}`),
  description: 'ghc=9.6.6',
  keywords: ['haskell', 'ghc-9.6.6', `host:haskell-build-${name}`, `tunnel-port:${port}`],
});
const post = (from: { readonly url: string }, entry: NewCapability) =>
  send(from, 'POST', '/capability-catalog/', entry);
const idOf = async (title: string) => (await operator().list({ ...QUERY, title }))[0]?.id ?? 'none';

describe('a VM', () => {
  it('registers, sends heartbeats, and deletes what is its own', async () => {
    expect(await post(alpha, machine('alpha', ports[0]!))).toBe(201);
    expect(await post(beta, machine('beta', ports[1]!))).toBe(201);
    const path = `/capability-catalog/${await idOf(instanceTitle('haskell-build-beta'))}`;
    expect(await send(beta, 'PATCH', path, machine('beta', ports[1]!))).toBe(200);
    expect(await send(beta, 'PATCH', path, {})).toBe(200);
    expect(await send(beta, 'DELETE', path)).toBe(204);
    expect(await post(beta, machine('beta', ports[1]!))).toBe(201);
  });

  it("changes and deletes no other VM's entry, and not the type's", async () => {
    await operator().upsert(typeEntry());
    for (const title of [instanceTitle('haskell-build-beta'), typeEntry().title]) {
      const path = `/capability-catalog/${await idOf(title)}`;
      expect(await send(alpha, 'PATCH', path, { description: 'ghc=0.0' })).toBe('403 not-its-own');
      expect(await send(alpha, 'PATCH', path, {})).toBe('403 not-its-own');
      expect(await send(alpha, 'DELETE', path)).toBe('403 not-its-own');
      expect((await operator().list({ ...QUERY, title }))[0]?.description).not.toBe('ghc=0.0');
    }
    expect(await post(alpha, { ...typeEntry(), description: '' })).toBe('403 not-its-own');
    expect(await post(alpha, machine('beta', ports[1]!))).toBe('403 not-its-own');
  });

  it.each([
    ['the title of another', { title: instanceTitle('haskell-build-beta') }],
    ['a title of its own making', { title: 'Haskell Build Agent — ' }],
    ['the host name of another', { keywords: ['host:haskell-build-beta'] }],
    ['the port of another', { keywords: ['tunnel-port:22'] }],
    ['a definition of the type', { keywords: ['type-definition'] }],
    ['another type', { capability_type: 'database' }],
  ])('announces nothing for another: %s', async (_what, change) => {
    expect(await post(alpha, { ...machine('alpha', ports[0]!), ...change })).toBe('403 not-its-own');
    const path = `/capability-catalog/${await idOf(instanceTitle('haskell-build-alpha'))}`;
    expect(await send(alpha, 'PATCH', path, change)).toBe('403 not-its-own');
  });

  it('has few entries, in however many domains', async () => {
    const answers: unknown[] = [];
    for (let n = 0; n < 6; n += 1) answers.push(await post(alpha, { ...machine('alpha', ports[0]!), domain: `d${n}` }));
    expect(answers.filter((answer) => answer === 201)).toHaveLength(3);
    expect(answers.at(-1)).toBe('403 too-many-entries');
  });

  it("pushes no other author's notes out", async () => {
    await operator().postProgress({ summary: 'the operator deploys', event_type: 'deploy' });
    // More than its rate allows: what was refused is not there either.
    for (let n = 0; n < 40; n += 1) await send(alpha, 'POST', '/progress/', { summary: `noise ${n}` });
    const notes = JSON.parse((await rawRequest(`${hub.url}/progress/?limit=1000`)).text) as Record<string, string>[];
    expect(notes.filter(({ author }) => author === 'haskell-build-alpha')).toHaveLength(20);
    expect(notes.at(-1)).toMatchObject({ summary: 'the operator deploys', author: '' });
  });
});

describe('a VM whose key does not name it', () => {
  it('has an entry, and not that of a VM that is named', async () => {
    expect(await post(unnamed, machine('old', ports[2]!))).toBe(201);
    expect(await post(unnamed, machine('old', ports[2]!))).toBe(200);
    expect(await post(unnamed, machine('beta', ports[2]!))).toBe('403 not-its-own');
    // Alpha has used up its rate with its notes.
    expect(await post(beta, machine('old', ports[1]!))).toBe('403 not-its-own');
  });
});

describe('a client without identity', () => {
  it.each([
    ['a program of the workstation', () => hub],
    ['a connection of sshd without a tunnel port', () => portless],
  ])('reads and does not write: %s', async (_what, from) => {
    expect(await send(from(), 'GET', '/capability-catalog/')).toBe(200);
    const path = `/capability-catalog/${await idOf(instanceTitle('haskell-build-alpha'))}`;
    expect(await post(from(), machine('gamma', 1))).toBe('403 no-identity');
    expect(await send(from(), 'PATCH', path, {})).toBe('403 no-identity');
    expect(await send(from(), 'DELETE', path)).toBe('403 no-identity');
    expect(await send(from(), 'POST', '/progress/', { summary: 'x' })).toBe('403 no-identity');
  });

  it('is a program that listens on the port of a VM that is off, unless it is the sshd of this account', async () => {
    await beta.stop();
    const impostor = await startStandInTunnel(ports[1]!, hub.url, 'qemu-system-x86');
    try {
      expect(await post(impostor, machine('beta', ports[1]!))).toBe('403 no-identity');
    } finally {
      await impostor.stop();
    }
    beta = await startStandInTunnel(ports[1]!, hub.url);
    expect(await post(beta, machine('beta', ports[1]!))).toBe(200);
  });
});

describe('the operator', () => {
  it('writes and deletes everything, through a socket for this account alone', async () => {
    const socket = operatorSocket(directory, Number(new URL(hub.url).port));
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    const { entry } = await operator().upsert({ ...machine('gamma', 1), keywords: ['host:other'] });
    expect(await operator().remove(entry.id)).toEqual({ supported: true, value: undefined });
  });

  it('reaches a hub without such a socket by its port', async () => {
    const open = await startHub(join(directory, 'open.sqlite'));
    try {
      const client = createHubClient({ url: open.url, services: directory });
      expect((await client.upsert(typeEntry())).outcome).toBe('created');
    } finally {
      await open.stop();
    }
  });

  it('finds the socket below a path that is too long for the kernel, and leaves none behind', async () => {
    const deep = join(directory, 'd'.repeat(100));
    mkdirSync(deep);
    const other = await startHub(join(deep, 'hub.sqlite'), { tunnels: keys });
    const socket = operatorSocket(deep, Number(new URL(other.url).port));
    const client = createHubClient({ url: other.url, services: deep });
    expect((await client.upsert(typeEntry())).outcome).toBe('created');
    expect(existsSync(socket)).toBe(true);
    await other.stop();
    expect(existsSync(socket)).toBe(false);
  });
});

it('takes up a VM that was added while the hub runs', async () => {
  const [port] = await freePorts(1);
  const tunnel = await startStandInTunnel(port!, hub.url);
  try {
    expect(await post(tunnel, machine('delta', port!))).toBe('403 no-identity');
    const line = tunnelKeyLine({
      port: port!,
      hubPort: 8000,
      publicKey: 'ssh-ed25519 AAAA buildfleet haskell-build-delta tunnel_ed25519',
    });
    writeFileSync(keys, line, { flag: 'a' });
    expect(await post(tunnel, machine('delta', port!))).toBe(201);
  } finally {
    await tunnel.stop();
  }
});
