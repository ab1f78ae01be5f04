import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { checkGhcVersion, checkPackageNames } from '../../../../src/cli/toolchain/grammar';
import { isFleetError } from '../../../../src/model/errors';
import { HOSTILE_ARGUMENTS, HOSTILE_VERSIONS } from '../../../assets/support/hostile-arguments';

const SOURCE = readFileSync(join(__dirname, '../../../../src/cli/toolchain/grammar.ts'), 'utf8');
const HELPER = readFileSync(join(__dirname, '../../../../assets/haskell/files/build-helper.py'), 'utf8');

function refusal(check: () => unknown): unknown {
  try {
    return check();
  } catch (error) {
    return isFleetError(error) ? error.code : error;
  }
}

describe('what may be added', () => {
  test.each(['PACKAGE', 'VERSION'])('%s is the same here as in the VM', (name) => {
    const [, here] = new RegExp(`const ${name} = /\\^(.*)\\$/;`).exec(SOURCE) ?? [];
    const [, there] = new RegExp(`^${name} = re\\.compile\\(r"(.*)"\\)$`, 'm').exec(HELPER) ?? [];
    expect(here).toBeTruthy();
    expect(here).toBe(there);
  });

  test.each([
    'g++',
    'libstdc++-14-dev',
    'libsigc++-2.0-dev',
    'zlib1g-dev',
    'ghc',
    'libghc-primitive-dev',
    'python3.13',
    '0ad',
    '2to3',
    'r-cran-d3',
    'a'.repeat(128),
  ])('%s is the name of a package', (name) => {
    expect(checkPackageNames([name])).toEqual([name]);
  });

  test('a name that stands twice is asked for once, in the order of the command line', () => {
    expect(checkPackageNames(['zlib1g-dev', 'hello', 'zlib1g-dev'])).toEqual(['zlib1g-dev', 'hello']);
  });

  test.each(HOSTILE_ARGUMENTS)('%s is refused', (_, ...names) => {
    expect(refusal(() => checkPackageNames(names))).toBe('usage');
  });

  test.each(HOSTILE_VERSIONS.filter((row) => row.length === 2))('%s is no version', (_, version = '') => {
    expect(refusal(() => checkGhcVersion(version))).toBe('usage');
  });

  test('an error shows the value and what would be right', () => {
    expect(() => checkPackageNames(['hello', 'vim=1'])).toThrow(/not the name of a package.*"vim=1".*a-z/);
    expect(() => checkGhcVersion('latest')).toThrow(/not a version of GHC.*"latest".*9\.10\.1/);
  });

  test('nothing that is accepted begins as an option, or ends as apt’s removal, or holds what a shell or apt reads', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab09+-.:=/*^$~? \n'.split('')), maxLength: 8 }), (name) => {
        if (refusal(() => checkPackageNames([name])) === 'usage') return;
        expect(name).toMatch(/^[a-z0-9][a-z0-9+.-]+$/);
        expect(name).not.toMatch(/-$|(?<!\+)\+$|\.$/);
      }),
      { numRuns: 2000 },
    );
  });
});
