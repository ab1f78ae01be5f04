import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main } from '../../../../src/cli/program';
import { createHubClient } from '../../../../src/hub/client';
import { instanceTitle, typeEntry } from '../../../../src/model/capability';
import { FleetPaths } from '../../../../src/model/paths';
import { writeStandInFleet } from '../../../support/stand-in-machine';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { startHub } from '../../hub/support/running-hub';

const GAMMA = { ...typeEntry(), title: instanceTitle('haskell-build-gamma'), keywords: [] };

let hub: Awaited<ReturnType<typeof startHub>>;
let fleet: string;
let services: string;
let printed: jest.SpyInstance[];

beforeEach(async () => {
  const state = join(temporaryDirectory(), 'state');
  ({ services } = new FleetPaths(state));
  const keys = join(temporaryDirectory(), 'authorized_keys');
  writeFileSync(keys, '');
  hub = await startHub(join(services, 'hub.sqlite'), { tunnels: keys });
  fleet = writeStandInFleet(state, '/nokey', hub.url, []);
  printed = [process.stdout, process.stderr].map((stream) => jest.spyOn(stream, 'write').mockReturnValue(true));
});

afterEach(async () => {
  for (const spy of printed) spy.mockRestore();
  await hub.stop();
});

const client = () => createHubClient({ url: hub.url, services });
const titles = async () => (await client().catalog({})).entries.map(({ title }) => title);

test.each([GAMMA.title, 'haskell-build-gamma'])('deletes the entry of a machine by %s', async (title) => {
  await client().upsert(typeEntry());
  await client().upsert(GAMMA);
  await client().upsert({ ...GAMMA, domain: 'elsewhere' });
  expect(await main(['hub', 'forget', title, '--fleet', fleet, '--json'])).toBe(0);
  expect(await titles()).toEqual([typeEntry().title]);
  expect(JSON.parse(String(printed[0]?.mock.calls[0]?.[0]))).toMatchObject({ title: GAMMA.title, hub: hub.url });
});

test('says that there is none, and leaves the others', async () => {
  await client().upsert(GAMMA);
  expect(await main(['hub', 'forget', 'haskell-build', '--fleet', fleet])).toBe(3);
  expect(printed[1]?.mock.calls.join('')).toContain('buildfleet discover');
  expect(await titles()).toEqual([GAMMA.title]);
});
