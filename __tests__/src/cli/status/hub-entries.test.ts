import { loadFleet } from '../../../../src/cli/fleet-file';
import { askHubForEntries, factsOf, type HubAnswer, hubEntryOf } from '../../../../src/cli/status/hub-entries';
import { type Capability, instanceTitle } from '../../../../src/model/capability';
import { agentKeywords } from '../../../support/agent-keywords';
import { writeStandInFleet } from '../../../support/stand-in-machine';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { freePorts } from '../../../support/workstation';
import { serve } from '../../hub/support/running-hub';

const NOW = new Date('2024-05-01T12:00:00Z');
const ALPHA = { name: 'haskell-build-alpha', tunnelPort: 12221 };

function entry(changes: Partial<Capability> & { port?: number } = {}): Capability {
  const keywords = agentKeywords({
    ghcVersions: ['9.6.6'],
    hostName: ALPHA.name,
    tunnelPort: changes.port ?? 12221,
  });
  return {
    ...{
      id: '1',
      domain: 'railiance',
      capability_type: 'haskell-build-agent',
      title: instanceTitle(ALPHA.name),
      description: '',
    },
    ...{ keywords, created_at: undefined, updated_at: '2024-05-01T11:59:50Z' },
    ...changes,
  };
}

const answer = (...entries: Capability[]): HubAnswer => ({
  url: '',
  reachable: true,
  answers: true,
  detail: '',
  entries,
});

test.each([
  ['fresh', [entry()], 10],
  ['stale', [entry({ updated_at: '2024-05-01T11:50:00Z' })], 600],
  ['unknown-age', [entry({ updated_at: undefined })], null],
  ['wrong-port', [entry({ port: 12222 })], 10],
  ['missing', [entry({ title: instanceTitle('haskell-build-beta') })], null],
  ['missing', [], null],
])('%s', (state, entries, age) => {
  expect(hubEntryOf(answer(...entries), ALPHA, NOW)).toMatchObject({ state, heartbeatAgeSeconds: age });
});

test.each([
  ['its fleet', 120, 'heartbeat=30s', 300, 'fresh'],
  ['its fleet', 120, 'heartbeat=30s', 361, 'stale'],
  ['its fleet, with few seconds', 5, '', 16, 'stale'],
  ['its entry, where its fleet does not say it', undefined, 'heartbeat=120s', 300, 'fresh'],
  ['the default, where neither says it', undefined, '', 91, 'stale'],
])('a VM is stale by the heartbeat of %s', (_, heartbeatSeconds, description, age, state) => {
  const updated_at = new Date(NOW.getTime() - age * 1000).toISOString();
  expect(hubEntryOf(answer(entry({ description, updated_at })), { ...ALPHA, heartbeatSeconds }, NOW).state).toBe(state);
});

test('of doubled entries the one written last counts, in any order', () => {
  const [old, recent] = [entry({ updated_at: '2024-05-01T11:00:00Z', port: 12229 }), entry()];
  expect(hubEntryOf(answer(old, recent), ALPHA, NOW).state).toBe('fresh');
  expect(hubEntryOf(answer(recent, old), ALPHA, NOW).state).toBe('fresh');
});

test('a hub that could not be asked is not a missing entry', () => {
  expect(hubEntryOf({ ...answer(), reachable: false, answers: false }, ALPHA, NOW).state).toBe('hub-down');
  expect(hubEntryOf({ ...answer(), reachable: false }, ALPHA, NOW).state).toBe('hub-unreadable');
});

test('facts are those of the entry that was written last, and null where it does not say them', () => {
  const old = entry({ updated_at: '2024-05-01T11:00:00Z', description: 'load=9.00 uptime=1s' });
  const recent = entry({ description: 'cpus=4 load=0.50 disk-free=300MiB builds=app-1f clock=-61.2s' });
  const unsaid = { memoryMib: null, memoryFreeMib: null, uptimeSeconds: null };
  expect(factsOf(answer(old, recent), ALPHA, NOW)).toEqual({
    ...{ cpus: 4, load: 0.5, diskFreeMib: 300, builds: ['app-1f'], clockAheadSeconds: -61.2 },
    ...unsaid,
  });
  expect(factsOf(answer(), ALPHA, NOW)).toEqual({
    ...{ cpus: null, load: null, diskFreeMib: null, builds: null, clockAheadSeconds: null },
    ...unsaid,
  });
});

describe('a hub that cannot be used', () => {
  const ask = async (url: string) => {
    const home = temporaryDirectory();
    const loaded = loadFleet(writeStandInFleet(home, '/nokey', url, []), home);
    const answer = await askHubForEntries(loaded, AbortSignal.timeout(20_000));
    return [hubEntryOf(answer, ALPHA, NOW).state, answer.detail] as const;
  };

  it('does not run', async () => {
    const [port] = await freePorts(1);
    expect(await ask(`http://127.0.0.1:${port}`)).toEqual(['hub-down', expect.stringContaining('ECONNREFUSED')]);
  });

  it.each([
    ['no JSON', 'nonsense', 'did not answer with JSON'],
    ['no entries', '[{"title":7,"capability_type":"haskell-build-agent","domain":"railiance"}]', 'expected shape'],
    ['more than is read', JSON.stringify('x'.repeat(2 ** 21)), 'longer than'],
  ])('answers what cannot be read: %s', async (_what, text, detail) => {
    const server = await serve((_request, response) => response.end(text));
    try {
      expect(await ask(server.url)).toEqual(['hub-unreadable', expect.stringContaining(detail)]);
    } finally {
      await server.stop();
    }
  });
});
