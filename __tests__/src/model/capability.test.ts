import fc from 'fast-check';
import {
  capabilitySchema,
  freshness,
  heartbeatAgeSeconds,
  hostNameOfTitle,
  instanceTitle,
  isTypeEntry,
  newCapabilitySchema,
  parseInstanceFacts,
  parseInstanceKeywords,
  sameContent,
  typeEntry,
} from '../../../src/model/capability';
import { NAME_PATTERN } from '../../../src/model/names';
import { agentKeywords } from '../../support/agent-keywords';

const hostName = fc.stringMatching(NAME_PATTERN);
const ghcVersion = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99)).map((parts) => parts.join('.'));
const port = fc.integer({ min: 1, max: 65535 });
const facts = fc.record({ ghcVersions: fc.uniqueArray(ghcVersion, { maxLength: 5 }), hostName, tunnelPort: port });

describe('facts in a description', () => {
  const none = {
    ghcVersions: undefined,
    cabalVersions: undefined,
    cpus: undefined,
    memoryMib: undefined,
    memoryFreeMib: undefined,
    diskFreeMib: undefined,
    load: undefined,
    uptimeSeconds: undefined,
    builds: undefined,
    clockAheadSeconds: undefined,
    heartbeatSeconds: undefined,
  };
  const version = fc.array(fc.nat(999), { minLength: 2, maxLength: 4 }).map((parts) => parts.join('.'));
  const workspace = fc
    .stringMatching(/^[A-Za-z0-9._+-]{1,40}$/)
    .filter((name) => name !== 'none' && name !== 'unknown');
  const reported = fc.record({
    ghcVersions: fc.array(version, { maxLength: 3 }),
    cabalVersions: fc.array(version, { maxLength: 3 }),
    cpus: fc.integer({ min: 1, max: 1024 }),
    memoryMib: fc.nat(),
    memoryFreeMib: fc.nat(),
    diskFreeMib: fc.nat(),
    load: fc.nat(99_999).map((hundredths) => hundredths / 100),
    uptimeSeconds: fc.nat(),
    builds: fc.array(workspace, { maxLength: 4 }),
    clockAheadSeconds: fc.integer({ min: -99_999, max: 99_999 }).map((tenths) => (tenths === 0 ? 0 : tenths / 10)),
    heartbeatSeconds: fc.integer({ min: 1, max: 864_000 }).map((tenths) => tenths / 10),
  });

  it('are read as the agent writes them', () => {
    expect(
      parseInstanceFacts(
        'Compiles Haskell for this fleet. ghc=9.8.4,9.6.6 cabal=none host=haskell-build-alpha address=10.0.2.15 ' +
          'tunnel-port=12221 cpus=4 memory=7931MiB memory-free=7100MiB disk-free=30210MiB load=0.07 uptime=3605s ' +
          'builds=app-1f,lib-2e clock=-0.3s heartbeat=30s seen=2026-11-01T12:00:00Z',
      ),
    ).toEqual({
      ghcVersions: ['9.8.4', '9.6.6'],
      cabalVersions: [],
      cpus: 4,
      memoryMib: 7931,
      memoryFreeMib: 7100,
      diskFreeMib: 30210,
      load: 0.07,
      uptimeSeconds: 3605,
      builds: ['app-1f', 'lib-2e'],
      clockAheadSeconds: -0.3,
      heartbeatSeconds: 30,
    });
  });

  it('read back in any order, among other words', () => {
    const words = fc.array(fc.stringMatching(/^[a-zA-Z.]{0,8}$/));
    fc.assert(
      fc.property(reported, words, words, fc.infiniteStream(fc.nat()), (given, before, after, dice) => {
        const list = (items: readonly string[]) => items.join(',') || 'none';
        const shuffled = [
          `ghc=${list(given.ghcVersions)}`,
          `cabal=${list(given.cabalVersions)}`,
          `cpus=${given.cpus}`,
          `memory=${given.memoryMib}MiB`,
          `memory-free=${given.memoryFreeMib}MiB`,
          `disk-free=${given.diskFreeMib}MiB`,
          `load=${given.load.toFixed(2)}`,
          `uptime=${given.uptimeSeconds}s`,
          `builds=${list(given.builds)}`,
          `clock=${given.clockAheadSeconds < 0 ? '' : '+'}${given.clockAheadSeconds.toFixed(1)}s`,
          `heartbeat=${given.heartbeatSeconds}s`,
        ]
          .map((word) => [dice.next().value as number, word] as const)
          .sort((a, b) => a[0] - b[0])
          .map(([, word]) => word);
        expect(parseInstanceFacts([...before, ...shuffled, ...after].join(' '))).toEqual(given);
      }),
    );
  });

  it('never make reading fail, and are numbers where they are anything', () => {
    const name = fc.constantFrom('cpus', 'memory', 'memory-free', 'disk-free', 'load', 'uptime', 'clock', 'heartbeat');
    const value = fc.oneof(
      fc.string(),
      fc.double().map(String),
      fc.constantFrom('1e9MiB', '-1MiB', '٣', 'NaN', '0x10'),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value).map((pair) => pair.join('='))), fc.string(), (words, text) => {
        const { cpus, memoryMib, memoryFreeMib, diskFreeMib, load, uptimeSeconds, heartbeatSeconds } =
          parseInstanceFacts([...words, text].join(' '));
        for (const number of [cpus, memoryMib, memoryFreeMib, diskFreeMib, load, uptimeSeconds, heartbeatSeconds]) {
          expect(number ?? 0).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it.each([
    ['', none],
    ['cpus=4 cpus=5 load=1.00 load=1.00', { ...none, load: 1 }],
    ['cpus=0 memory=8GiB memory-free=1 disk-free=-1MiB load=unknown uptime=1.5s builds=unknown', none],
    ['ghc=9.6.6,latest cabal= builds=a/b', none],
    ['xcpus=4 cpus=', none],
    ['heartbeat=0s', none],
    ['heartbeat=120', none],
    ['heartbeat=120s heartbeat=30s', none],
  ])('of "%s" are only what is plain', (description, expected) => {
    expect(parseInstanceFacts(description)).toEqual(expected);
  });
});

describe('keywords of a machine', () => {
  it('read back to what they were made of, among foreign words and in any order', () => {
    const foreign = fc.array(fc.stringMatching(/^[a-z ]{0,12}$/).map((word) => `x${word}`));
    fc.assert(
      fc.property(facts, foreign, fc.infiniteStream(fc.nat()), (given, words, dice) => {
        const versionsLast = [...words, ...agentKeywords(given)];
        expect(parseInstanceKeywords(versionsLast)).toEqual(given);
        const shuffled = versionsLast
          .map((word) => [dice.next().value as number, word] as const)
          .sort((a, b) => a[0] - b[0]);
        const read = parseInstanceKeywords(shuffled.map(([, word]) => word));
        expect({ ...read, ghcVersions: read.ghcVersions.sort() }).toEqual({
          ...given,
          ghcVersions: [...given.ghcVersions].sort(),
        });
      }),
    );
  });

  it('are always taken by the hub', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const entry = { ...typeEntry(), title: instanceTitle(given.hostName), keywords: agentKeywords(given) };
        expect(newCapabilitySchema.parse(entry)).toEqual(entry);
      }),
    );
  });

  it('never make reading fail, for any entry of a hub', () => {
    fc.assert(
      fc.property(fc.array(fc.string().map((tail) => `tunnel-port:${tail}`)), fc.array(fc.string()), (ports, words) => {
        const { tunnelPort } = parseInstanceKeywords([...ports, ...words]);
        expect(tunnelPort === undefined || (tunnelPort >= 1 && tunnelPort <= 65535)).toBe(true);
      }),
    );
  });

  it.each([['0'], ['65536'], ['012221'], ['12221x'], ['-1'], ['1e3'], ['']])('do not take "%s" for a port', (value) => {
    expect(parseInstanceKeywords([`tunnel-port:${value}`]).tunnelPort).toBeUndefined();
  });

  it('that contradict each other say nothing', () => {
    expect(parseInstanceKeywords(['tunnel-port:12221', 'tunnel-port:12222', 'host:a', 'host:b'])).toEqual({
      ghcVersions: [],
      hostName: undefined,
      tunnelPort: undefined,
    });
  });
});

describe('titles', () => {
  it('carry the host name', () => {
    expect(instanceTitle('haskell-build-alpha')).toBe('Haskell Build Agent — haskell-build-alpha');
    fc.assert(
      fc.property(hostName, (name) => {
        expect(hostNameOfTitle(instanceTitle(name))).toBe(name);
      }),
    );
  });

  it('tell the type from machines', () => {
    expect(hostNameOfTitle(typeEntry().title)).toBeUndefined();
    expect(isTypeEntry(typeEntry())).toBe(true);
    expect(isTypeEntry({ keywords: agentKeywords({ ghcVersions: [], hostName: 'a', tunnelPort: 1 }) })).toBe(false);
    expect(typeEntry().keywords).toEqual(expect.arrayContaining(['virtualbox', 'qemu', 'sandbox', 'type-definition']));
  });
});

describe('an entry of a foreign hub', () => {
  const least = { id: 7, domain: 'railiance', capability_type: 'haskell-build-agent', title: 't' };

  it('may count its ids and leave out what it does not know', () => {
    expect(capabilitySchema.parse({ ...least, description: null, updated_at: null, more: 1 })).toEqual({
      ...least,
      id: '7',
      description: '',
      keywords: [],
      created_at: undefined,
      updated_at: undefined,
    });
  });

  it.each([{ id: '' }, { id: 1.5 }, { id: null }, { title: 1 }, { keywords: 'haskell' }])(
    'is refused with %j',
    (part) => {
      expect(capabilitySchema.safeParse({ ...least, ...part }).success).toBe(false);
    },
  );
});

describe('what may be sent', () => {
  it.each([
    { title: 'a\nb' },
    { title: '' },
    { keywords: ['a\u0000'] },
    { domain: '\u001b[31m' },
    { title: 'x'.repeat(201) },
  ])('excludes %j', (part) => {
    expect(newCapabilitySchema.safeParse({ ...typeEntry(), ...part }).success).toBe(false);
  });
});

describe('sameContent', () => {
  it('ignores the order of keywords and nothing else', () => {
    const entry = typeEntry();
    expect(sameContent(entry, { ...entry, keywords: [...entry.keywords].reverse() })).toBe(true);
    expect(sameContent(entry, { ...entry, keywords: entry.keywords.slice(1) })).toBe(false);
    expect(sameContent(entry, { ...entry, description: 'other' })).toBe(false);
    expect(sameContent(entry, { ...entry, title: 'other' })).toBe(false);
  });
});

describe('freshness', () => {
  const now = new Date('2025-06-01T12:00:00Z');

  it.each([
    ['2025-06-01T12:00:00Z', 'fresh'],
    ['2025-06-01T11:58:30Z', 'fresh'],
    ['2025-06-01T11:58:29Z', 'stale'],
    ['2025-06-01T13:58:30+02:00', 'fresh'],
    ['2025-06-01T11:59:00.123456', 'fresh'],
    ['2025-06-01 11:59:00', 'fresh'],
    ['2025-06-01T12:01:00Z', 'fresh'],
    ['2025-06-01T12:02:00Z', 'unknown'],
    ['yesterday', 'unknown'],
    [undefined, 'unknown'],
  ])('of an entry written at %s is %s', (updated_at, expected) => {
    expect(freshness({ updated_at, created_at: undefined }, now)).toBe(expected);
  });

  it.each([
    ['heartbeat=30s', 90, 'fresh'],
    ['heartbeat=30s', 91, 'stale'],
    ['heartbeat=120s', 360, 'fresh'],
    ['heartbeat=120s', 361, 'stale'],
    ['heartbeat=5s', 15, 'fresh'],
    ['heartbeat=5s', 16, 'stale'],
    ['heartbeat=soon', 90, 'fresh'],
    ['heartbeat=soon', 91, 'stale'],
  ])('of an entry that says %s is judged by that: %i s are %s', (description, age, expected) => {
    const updated_at = new Date(now.getTime() - age * 1000).toISOString();
    expect(freshness({ description, updated_at, created_at: undefined }, now)).toBe(expected);
  });

  it('is judged by what is known from elsewhere before what the entry says', () => {
    const entry = { description: 'heartbeat=30s', updated_at: '2025-06-01T11:55:00Z', created_at: undefined };
    expect([freshness(entry, now), freshness(entry, now, 120)]).toEqual(['stale', 'fresh']);
  });

  it('falls back to the time of creation, which a hub without PATCH never moves on', () => {
    expect(heartbeatAgeSeconds({ updated_at: undefined, created_at: '2025-06-01T11:00:00Z' }, now)).toBe(3600);
  });
});
