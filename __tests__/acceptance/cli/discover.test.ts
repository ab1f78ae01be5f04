import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { listeningSchema } from '../../../src/cli/hub/report';
import { type DiscoveryReport, discoveryReportSchema } from '../../../src/cli/discover/report';
import { createHubClient } from '../../../src/hub/client';
import { instanceTitle, type NewCapability, typeEntry } from '../../../src/model/capability';
import { until } from '../../support/until';
import { buildfleet, BuildfleetProcess } from '../../support/buildfleet';
import { freePort, writeStandInFleet } from '../../support/stand-in-machine';
import { temporaryDirectory } from '../../support/temporary-directory';

jest.setTimeout(60_000);

const MACHINE: NewCapability = {
  domain: 'railiance',
  capability_type: 'haskell-build-agent',
  title: instanceTitle('haskell-build-alpha'),
  description: 'Compiles',
  keywords: ['haskell', 'tunnel-port:12221'],
};
const ENTRIES: readonly NewCapability[] = [
  { ...MACHINE, capability_type: 'printer', title: 'A printer' },
  { ...MACHINE, domain: 'elsewhere', title: 'An agent of another domain' },
  MACHINE,
  typeEntry(),
];

describe('buildfleet discover with a real hub', () => {
  let directory: string;
  let hub: BuildfleetProcess;
  let fleet: string;

  const discover = async (...args: string[]): Promise<DiscoveryReport> => {
    const { stdout, stderr, exitCode } = await buildfleet(['discover', '--json', '--fleet', fleet, ...args]);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    return discoveryReportSchema.parse(JSON.parse(stdout.toString()));
  };
  const titles = ({ entries }: DiscoveryReport) => entries.map(({ title }) => title);

  beforeAll(async () => {
    directory = temporaryDirectory();
    hub = new BuildfleetProcess(['hub', '--port', '0', '--database', join(directory, 'hub.sqlite'), '--json']);
    const url = await until('the hub listens', 20, () => {
      const line = hub.output.toString();
      return line.endsWith('\n') && listeningSchema.parse(JSON.parse(line)).url;
    });
    for (const entry of ENTRIES) await createHubClient({ url }).upsert(entry);
    fleet = writeStandInFleet(join(directory, 'state'), '/nokey', url, []);
  });

  afterAll(async () => {
    hub.child.kill('SIGTERM');
    await hub.finished;
  });

  test('lists everything by type and domain, the definition of a type before what is of it', async () => {
    const report = await discover();
    expect(report.entries.map(({ capabilityType, domain, kind }) => [capabilityType, domain, kind])).toEqual([
      ['haskell-build-agent', 'elsewhere', 'instance'],
      ['haskell-build-agent', 'railiance', 'type'],
      ['haskell-build-agent', 'railiance', 'instance'],
      ['printer', 'railiance', 'instance'],
    ]);
    expect(report.entries[2]).toMatchObject({ title: MACHINE.title, keywords: MACHINE.keywords });
    expect(report.entries[2]?.ageSeconds).toBeGreaterThanOrEqual(0);
  });

  test('takes type and domain', async () => {
    expect(titles(await discover('--type', 'printer'))).toEqual(['A printer']);
    expect(titles(await discover('--domain', 'elsewhere'))).toEqual(['An agent of another domain']);
    expect(titles(await discover('--domain', 'elsewhere', '--type', 'printer'))).toEqual([]);
  });

  test('prints a table, and a message where there is nothing', async () => {
    const { stdout } = await buildfleet(['discover', '--fleet', fleet]);
    expect(stdout.toString().split('\n')[2]).toMatch(
      /^haskell-build-agent +railiance +type +Haskell Build Agent \(type definition\) +\d+ s ago +haskell /,
    );
    const nothing = await buildfleet(['discover', '--fleet', fleet, '--type', 'none']);
    expect(nothing).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('holds no such entry') as string });
    expect(nothing.stdout.toString()).toBe('');
  });
});

describe('buildfleet discover with a hub that is not ours', () => {
  let directory: string;
  let server: Server | undefined;

  beforeEach(() => {
    directory = temporaryDirectory();
  });

  afterEach(() => {
    server?.close();
    server = undefined;
  });

  /** A hub that answers every request with the same text. */
  async function fleetOfHub(body: string): Promise<string> {
    const listening = createServer((_, response) => response.end(body));
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const { port } = listening.address() as { port: number };
    return writeStandInFleet(directory, '/nokey', `http://127.0.0.1:${port}`, []);
  }

  test('a hub that ignores the question is filtered on our side, and its defects are counted', async () => {
    const entries = [...ENTRIES.map((entry, id) => ({ ...entry, id })), { capability_type: 'printer', title: 3 }];
    const fleet = await fleetOfHub(JSON.stringify(entries));
    const { stdout } = await buildfleet(['discover', '--json', '--type', 'printer', '--fleet', fleet]);
    const report = discoveryReportSchema.parse(JSON.parse(stdout.toString()));
    expect(report.entries.map(({ title }) => title)).toEqual(['A printer']);
    expect(report.malformed).toBe(1);
  });

  test.each([
    ['no hub at all', undefined, 'the State Hub could not be asked: ECONNREFUSED'],
    ['something else', '<html>', 'did not answer with JSON'],
  ])('%s is one error, with a code of its own', async (_, body, problem) => {
    const fleet =
      body === undefined
        ? writeStandInFleet(directory, '/nokey', `http://127.0.0.1:${await freePort()}`, [])
        : await fleetOfHub(body);
    const { stdout, stderr, exitCode } = await buildfleet(['discover', '--fleet', fleet]);
    expect({ stdout: stdout.toString(), exitCode }).toEqual({ stdout: '', exitCode: 5 });
    expect(stderr).toMatch(/^buildfleet: http:[^\n]*\n$/);
    expect(stderr).toMatch(new RegExp(problem));
    expect(stderr).toContain('run `cdktf deploy stand-in`');
  });
});
