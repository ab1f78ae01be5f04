import fc from 'fast-check';
import {
  capabilitySchema,
  freshness,
  heartbeatAgeSeconds,
  hostNameOfTitle,
  instanceKeywords,
  instanceTitle,
  isTypeEntry,
  newCapabilitySchema,
  parseInstanceKeywords,
  sameContent,
  typeEntry,
} from '../../model/capability';

const hostName = fc.stringMatching(/^[a-z][a-z0-9-]{0,62}$/);
const ghcVersion = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99)).map((parts) => parts.join('.'));
const port = fc.integer({ min: 1, max: 65535 });
const facts = fc.record({ ghcVersions: fc.uniqueArray(ghcVersion, { maxLength: 5 }), hostName, tunnelPort: port });

describe('keywords of a machine', () => {
  it('are the ones that other tools look for, in their order', () => {
    expect(
      instanceKeywords({ ghcVersions: ['9.8.4', '9.6.6'], hostName: 'haskell-build-alpha', tunnelPort: 12221 }),
    ).toEqual([
      'haskell',
      'ghc',
      'ghc-9.8.4',
      'ghc-9.6.6',
      'build-agent',
      'cabal',
      'host:haskell-build-alpha',
      'tunnel-port:12221',
    ]);
  });

  it('read back to what they were made of, among foreign words and in any order', () => {
    const foreign = fc.array(fc.stringMatching(/^[a-z ]{0,12}$/).map((word) => `x${word}`));
    fc.assert(
      fc.property(facts, foreign, fc.infiniteStream(fc.nat()), (given, words, dice) => {
        const versionsLast = [...words, ...instanceKeywords(given)];
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
        const entry = { ...typeEntry(), title: instanceTitle(given.hostName), keywords: instanceKeywords(given) };
        expect(newCapabilitySchema.parse(entry)).toEqual(entry);
      }),
    );
  });

  it('never make reading fail, whatever a hub holds', () => {
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

  it.each([
    [{ hostName: 'a b' }, 'host name'],
    [{ hostName: 'a\nb' }, 'host name'],
    [{ tunnelPort: 0 }, 'tunnel port'],
    [{ tunnelPort: 1.5 }, 'tunnel port'],
    [{ ghcVersions: ['9.6.6 x'] }, 'GHC version'],
  ])('are not made of %j', (part, what) => {
    const make = () => instanceKeywords({ ghcVersions: ['9.6.6'], hostName: 'alpha', tunnelPort: 12221, ...part });
    expect(make).toThrow(what);
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
    expect(isTypeEntry({ keywords: instanceKeywords({ ghcVersions: [], hostName: 'a', tunnelPort: 1 }) })).toBe(false);
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

  it('falls back to the time of creation, which a hub without PATCH never moves on', () => {
    expect(heartbeatAgeSeconds({ updated_at: undefined, created_at: '2025-06-01T11:00:00Z' }, now)).toBe(3600);
  });
});
