import fc from 'fast-check';
import { parseFacts, type RemoteFacts } from '../../../../src/cli/info/facts';

const NOTHING: RemoteFacts = {
  ...{ system: null, kernel: null, architecture: null, user: null },
  ...{ ghcVersion: null, ghcVersions: [], cabalVersion: null },
  ...{ cores: null, memoryMib: null, memoryFreeMib: null, diskMib: null, diskFreeMib: null },
  ...{ load: null, uptimeSeconds: null },
};

test('reads what a machine says', () => {
  const output = `system=Debian GNU/Linux 13 (trixie)
kernel=6.12.41+deb13-amd64
architecture=x86_64
user=build
ghc=9.6.6
ghcs=9.8.4,9.6.6
cabal=3.10.3.0
cores=2
memory=1967
memory-free=1700
disk=19903
disk-free=17001
load=0.12
uptime=3600
`;
  expect(parseFacts(output)).toEqual({
    ...{ system: 'Debian GNU/Linux 13 (trixie)', kernel: '6.12.41+deb13-amd64', architecture: 'x86_64', user: 'build' },
    ...{ ghcVersion: '9.6.6', ghcVersions: ['9.6.6', '9.8.4'], cabalVersion: '3.10.3.0' },
    ...{ cores: 2, memoryMib: 1967, memoryFreeMib: 1700, diskMib: 19903, diskFreeMib: 17001 },
    ...{ load: 0.12, uptimeSeconds: 3600 },
  });
});

test('never fails, and takes nothing for a fact that is none', () => {
  const name = fc.constantFrom(...['system', 'ghc', 'ghcs', 'cabal', 'cores', 'memory', 'load', 'uptime', 'x']);
  const line = fc.tuple(name, fc.string()).map((parts) => parts.join('='));
  fc.assert(
    fc.property(fc.array(fc.oneof(line, fc.string())), (lines) => {
      const facts = parseFacts(lines.join('\n'));
      for (const number of [facts.cores, facts.memoryMib, facts.load, facts.uptimeSeconds])
        expect(number ?? 0).toBeGreaterThanOrEqual(0);
      for (const version of facts.ghcVersions) expect(version).toMatch(/^[\d.]+$/);
    }),
  );
});

test.each([
  [''],
  ['cores=two\nmemory=-1\nload=NaN\nuptime=1e9'],
  ['ghc=latest\nghcs=,,\ncabal=3'],
  ['system=\u001b[31mred'],
  [`kernel=${'x'.repeat(201)}`],
])('%j says nothing', (output) => {
  expect(parseFacts(output)).toEqual(NOTHING);
});
