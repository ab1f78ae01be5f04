import fc from 'fast-check';
import { FleetError, isFleetError } from '../../../src/model/errors';
import {
  canonicalJson,
  type DebianSuite,
  DEFAULT_GHCUP_TOOLCHAIN,
  definitionHash,
  ghcVersionsOf,
  imageDefinition,
  type ImageDefinitionProps,
  parseImageDefinition,
  sourceDateEpoch,
} from '../../../src/model/image-definition';

const asset = (path: string, mode = '0755') => ({ path, mode, sha256: 'a'.repeat(64) });

const debianBase = {
  kind: 'debian',
  suite: 'trixie',
  architecture: 'amd64',
  mirror: null,
  snapshot: null,
} as const;
const ubuntuBase = {
  ...{ kind: 'ubuntu', release: '24.04', architecture: 'amd64', builder: 'qemu', variables: {} },
  iso: { urls: ['https://x.example/i.iso'], sha256: 'c'.repeat(64) },
} as const;
const props: ImageDefinitionProps = {
  name: 'haskell',
  base: debianBase,
  scripts: [asset('scripts/install-haskell.sh'), asset('scripts/generalize.sh')],
  files: [asset('files/a'), asset('files/b')],
};

const hash = (changes: Partial<ImageDefinitionProps> = {}) => definitionHash(imageDefinition({ ...props, ...changes }));

function refusal(changes: object): FleetError {
  try {
    imageDefinition({ ...props, ...changes }, 'fleet/haskell');
  } catch (error) {
    if (isFleetError(error)) return error;
    throw error;
  }
  throw new Error('the definition was accepted');
}

describe('canonical JSON', () => {
  test('is JSON of the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
      }),
    );
  });

  test.each([[undefined], [NaN], [Infinity], [() => 1]])('refuses %p', (value) => {
    expect(() => canonicalJson({ value })).toThrow(TypeError);
  });
});

describe('definition hash', () => {
  test('is the same for what makes the same image', () => {
    const packages = ['git', 'curl', 'jq'];
    expect(hash({ packages: ['jq', 'git', 'curl', 'git'] })).toBe(hash({ packages }));
    expect(hash({ files: [...props.files].reverse() })).toBe(hash());
    expect(hash({ files: [asset('files/a', '755'), asset('files/b')] })).toBe(hash());
  });

  test('is the same after a trip through a file', () => {
    const definition = imageDefinition(props);
    expect(definitionHash(parseImageDefinition(JSON.parse(JSON.stringify(definition, null, 2))))).toBe(
      definitionHash(definition),
    );
  });

  test('changes with everything that changes the image', () => {
    const overlay = (target: string) => ({ ...asset(`overlay${target}`, '0644'), target });
    const variants: Partial<ImageDefinitionProps>[] = [
      {},
      { name: 'other' },
      { packages: ['git'] },
      { scripts: [...props.scripts].reverse() },
      { files: [asset('files/a', '0644'), asset('files/b')] },
      { files: [{ ...asset('files/a'), sha256: 'b'.repeat(64) }, asset('files/b')] },
      { overlays: [overlay('/etc/a'), overlay('/etc/b')] },
      { overlays: [overlay('/etc/b'), overlay('/etc/a')] },
      { diskMib: 8192 },
      { locale: 'de_DE.UTF-8' },
      { keyboard: 'de' },
      { timezone: 'Europe/Vienna' },
      { base: { ...debianBase, mirror: 'http://mirror.example/debian' } },
      { base: { ...debianBase, mirror: 'http://mirror.example/debian', snapshot: '20250520T000000Z' } },
    ];
    expect(new Set(variants.map(hash)).size).toBe(variants.length);
  });

  test('is fixed: the cache of every operator depends on it', () => {
    expect(hash()).toMatchInlineSnapshot(`"b6b4e59c98b428ce04678bb57cbf1b1dac616e581622d97bad7319011bde4c9c"`);
  });
});

test('the epoch follows from the hash and lies in 2020 to 2025', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdef')), minLength: 64, maxLength: 64 }),
      (value) => {
        const year = new Date(sourceDateEpoch(value) * 1000).getUTCFullYear();
        expect(year).toBeGreaterThanOrEqual(2020);
        expect(year).toBeLessThanOrEqual(2025);
        expect(sourceDateEpoch(value)).toBe(sourceDateEpoch(value));
      },
    ),
  );
});

test('further GHCs are one or a list, and a list of one is the same image', () => {
  const withGhcs = (secondaryGhc: string | string[] | null) =>
    imageDefinition({ ...props, toolchain: { ...DEFAULT_GHCUP_TOOLCHAIN, secondaryGhc } });
  expect(ghcVersionsOf(withGhcs(null))).toEqual(['9.8.4']);
  expect(ghcVersionsOf(withGhcs('9.6.6'))).toEqual(['9.8.4', '9.6.6']);
  expect(ghcVersionsOf(withGhcs(['9.6.6', '9.4.8']))).toEqual(['9.8.4', '9.6.6', '9.4.8']);
  expect(definitionHash(withGhcs(['9.6.6']))).toBe(definitionHash(withGhcs('9.6.6')));
});

test('each suite has its GHC, its cabal and a kernel that reads the seed', () => {
  const of = (suite: DebianSuite) => imageDefinition({ ...props, base: { ...debianBase, suite } });
  expect(of('trixie').toolchain).toEqual({ kind: 'distribution', ghc: '9.6.6', cabal: '3.10.3.0' });
  expect(of('bookworm').toolchain).toEqual({ kind: 'distribution', ghc: '9.0.2', cabal: '3.4.1.0' });
  const kernels = (suite: DebianSuite) => of(suite).packages.filter((name) => name.startsWith('linux-image'));
  expect([kernels('trixie'), kernels('bookworm')]).toEqual([['linux-image-cloud-amd64'], ['linux-image-amd64']]);
});

describe('a definition is refused', () => {
  test.each([
    ['a newline in a package', { packages: ['git\nssh'] }, 'packages'],
    ['a path in a package', { packages: ['../git'] }, 'packages'],
    ['an option in a package', { packages: ['--hook'] }, 'packages'],
    ['two packages in one', { packages: ['git,curl'] }, 'packages'],
    ['a way out of the assets', { files: [asset('files/../../etc/passwd')] }, 'files.0.path'],
    ['an absolute asset', { files: [asset('/etc/passwd')] }, 'files.0.path'],
    ['setuid', { files: [asset('files/a', '4755')] }, 'files.0.mode'],
    ['two assets that differ in letter case', { files: [asset('files/a'), asset('files/A')] }, 'files'],
    ['a relative target', { overlays: [{ ...asset('overlay/a'), target: 'etc/motd' }] }, 'overlays.0.target'],
    [
      'a target with a way out',
      { overlays: [{ ...asset('overlay/a'), target: '/etc/../root/x' }] },
      'overlays.0.target',
    ],
    ['a quote in the mirror', { base: { ...props.base, mirror: "http://x/'" } }, 'base.mirror'],
    ['a snapshot without a mirror', { base: { ...props.base, snapshot: '20250520T000000Z' } }, 'base.mirror'],
    ['no address of the installer', { base: { ...ubuntuBase, iso: { ...ubuntuBase.iso, urls: [] } } }, 'base.iso.urls'],
    [
      'an installer with a checksum that is none',
      { base: { ...ubuntuBase, iso: { ...ubuntuBase.iso, sha256: 'none' } } },
      'base.iso.sha256',
    ],
    [
      'a further GHC that is no version',
      { toolchain: { ...DEFAULT_GHCUP_TOOLCHAIN, secondaryGhc: ['9.6.6', 'newest'] } },
      'toolchain.secondaryGhc.1: must be a version',
    ],
    ['a disk that is too small', { diskMib: 1024 }, 'diskMib'],
    ['another base', { base: { ...props.base, kind: 'ubuntu' } }, 'base'],
    ['a time zone with a way out', { timezone: '../../etc/passwd' }, 'timezone'],
    ['a locale that is not UTF-8', { locale: 'en_US' }, 'locale'],
  ])('%s', (_, changes, path) => {
    const error = refusal(changes);
    expect(error.place).toBe('fleet/haskell');
    expect(error.problem).toContain(path);
  });

  test('another suite', () => {
    const { problem } = refusal({ base: { ...props.base, suite: 'sarge' } });
    expect(problem).toMatch(/base\.suite.*"trixie".*"bookworm"/);
  });

  test('with every mistake in one message', () => {
    expect(refusal({ packages: ['A'], timezone: '' }).problem).toMatch(/packages.*timezone/s);
  });

  test('with the GHC versions that there are', () => {
    const error = refusal({ toolchain: { kind: 'distribution', ghc: '9.8.4', cabal: '3.10.3.0' } });
    expect(error.code).toBe('toolchain-unknown');
    expect(error.message).toContain('"9.8.4"');
    expect(error.remedy).toContain('9.6.6');
  });
});
