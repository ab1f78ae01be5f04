import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { bundleHub, HUB_BUNDLE_FILES } from '../../../src/programs/hub';
import { temporaryDirectory } from '../../support/temporary-directory';
import { until } from '../../support/until';
import { rawRequest, serve } from './support/running-hub';
import { endBundledHubs, startBundledHub } from './support/bundled-hub';

let directory: string;
let script: string;

beforeAll(() => {
  directory = temporaryDirectory();
  [script] = bundleHub(join(directory, 'one')) as [string];
});

afterAll(() => {
  endBundledHubs();
});

it('is two files, the same bytes wherever they are written', () => {
  bundleHub(join(directory, 'two'));
  expect(readdirSync(join(directory, 'two')).sort()).toEqual([...HUB_BUNDLE_FILES].sort());
  for (const name of HUB_BUNDLE_FILES) {
    expect(readFileSync(join(directory, 'one', name)).equals(readFileSync(join(directory, 'two', name)))).toBe(true);
  }
});

it('holds no path of the machine that made it', () => {
  const text = readFileSync(script, 'utf8');
  for (const path of [resolve(__dirname, '../../..'), homedir(), directory]) expect(text).not.toContain(`${path}/`);
});

it('serves without the node_modules it came from, and stops at SIGTERM', async () => {
  const hub = await startBundledHub(script, ['--port', '0', '--database', join(directory, 'state', 'hub.db')]);
  expect((await rawRequest(`${hub.url}/health`)).status).toBe(200);
  hub.child.kill('SIGTERM');
  expect(await hub.ended).toBe(0);
  expect(readdirSync(join(directory, 'state'))).toEqual(['hub.db']);
});

it.each([
  ['keeps the consoles of the VMs of its fleet small', 'workstation/hub.sqlite', true],
  ['touches no file where its database is not that of a fleet', 'elsewhere/hub.sqlite', false],
])(
  '%s',
  async (_, database, isCut) => {
    const state = temporaryDirectory();
    const log = join(state, 'vms/alpha/console.log');
    mkdirSync(join(state, 'vms/alpha'), { recursive: true });
    writeFileSync(log, 'x'.repeat(5 * 1024 * 1024));
    const hub = await startBundledHub(script, ['--port', '0', '--database', join(state, database)]);
    const small = () => statSync(log).size < 3 * 1024 * 1024;
    if (isCut) await until('a small log', 20, small);
    else await expect(until('a small log', 7, small)).rejects.toThrow('not within');
    hub.child.kill('SIGTERM');
    expect(await hub.ended).toBe(0);
  },
  30_000,
);

it('exits with 3 when its port is taken', async () => {
  const taken = await serve(() => undefined);
  const args = ['--port', new URL(taken.url).port, '--database', join(directory, 'taken.db')];
  await expect(startBundledHub(script, args)).rejects.toThrow(/ended with 3: .*another program listens on this port/);
  await taken.stop();
});

it('exits with 4 when another hub has its database', async () => {
  const args = ['--port', '0', '--database', join(directory, 'shared.db')];
  const first = await startBundledHub(script, args);
  await expect(startBundledHub(script, args)).rejects.toThrow(
    `ended with 4: ${args[3]}: another State Hub uses this database: process ${first.child.pid}`,
  );
  first.child.kill('SIGTERM');
  expect(await first.ended).toBe(0);
});

it.each([
  [[], '--port is missing'],
  [['--port', '70000'], '--port is "70000"'],
  [['--port', '0'], '--database is missing'],
  [['--port', '0', '--database', 'x', '--host', '0.0.0.0'], '127.0.0.1 only'],
  [['--prot', '0'], '--prot'],
])('exits with 2 for the arguments %j', async (args, hint) => {
  await expect(startBundledHub(script, args)).rejects.toThrow(hint);
  await expect(startBundledHub(script, args)).rejects.toThrow('ended with 2');
});
