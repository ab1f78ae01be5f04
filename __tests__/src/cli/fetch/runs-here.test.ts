import fc from 'fast-check';
import { parseNeeds } from '../../../../src/cli/fetch/runs-here';

const TEXT = `
Dynamic section at offset 0x2dd0 contains 27 entries:
  Tag        Type                         Name/Value
 0x0000000000000001 (NEEDED)             Shared library: [libgmp.so.10]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
 0x000000000000001d (RUNPATH)            Library runpath: [/usr/lib/ghc:$ORIGIN]

Version symbols section '.gnu.version' contains 70 entries:
  000:   0 (*local*)       2 (GLIBC_2.2.5)

Version needs section '.gnu.version_r' contains 1 entry:
  000000: Version: 1  File: libc.so.6  Cnt: 3
  0x0010:   Name: GLIBC_2.4  Flags: none  Version: 3
  0x0020:   Name: GLIBC_2.38  Flags: none  Version: 2
  0x0030:   Name: GLIBC_2.2.5  Flags: none  Version: 4
`;

test('readelf tells which libraries a program needs, where it looks for them, and the newest glibc', () => {
  expect(parseNeeds(TEXT)).toEqual({
    libraries: ['libgmp.so.10', 'libc.so.6'],
    searched: ['/usr/lib/ghc', '$ORIGIN'],
    glibc: '2.38',
  });
});

test('a program that is linked statically needs nothing', () => {
  expect(parseNeeds('\nThere is no dynamic section in this file.\n')).toEqual({
    libraries: [],
    searched: [],
    glibc: undefined,
  });
});

test('anything else is nothing, and no error', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseNeeds(text).libraries).toEqual([]);
    }),
  );
});
