import fc from 'fast-check';
import { parseBuildPlan } from '../../../../src/cli/fetch/build-plan';
import { FleetError } from '../../../../src/model/errors';

const plan = (...units: object[]) =>
  JSON.stringify({ 'cabal-version': '3.10.3.0', 'compiler-id': 'ghc-9.6.6', 'install-plan': units });

const local = { type: 'configured', 'pkg-name': 'app', 'pkg-version': '0.1', style: 'local' };

test('names executables and libraries of local packages, and nothing else', () => {
  expect(
    parseBuildPlan(
      plan(
        { type: 'pre-existing', id: 'base-4.18', 'pkg-name': 'base' },
        { ...local, id: 'text-2', style: 'global', 'component-name': 'lib', 'dist-dir': '/build/w/d' },
        { ...local, id: 'app-0.1-inplace', 'component-name': 'lib', 'dist-dir': '/build/w/l' },
        { ...local, id: 'app-0.1-inplace-run', 'component-name': 'exe:run', 'bin-file': '/build/w/x/run' },
        { ...local, id: 'app-0.1-inplace-spec', 'component-name': 'test:spec', 'bin-file': '/build/w/x/spec' },
      ),
    ),
  ).toEqual([
    {
      kind: 'library',
      package: 'app',
      name: 'app-0.1-inplace',
      files: [
        '/build/w/l/build/libHSapp-0.1-inplace.a',
        '/build/w/l/build/libHSapp-0.1-inplace_p.a',
        '/build/w/l/build/libHSapp-0.1-inplace-ghc9.6.6.so',
      ],
    },
    { kind: 'executable', package: 'app', name: 'run', files: ['/build/w/x/run'] },
  ]);
});

test('knows packages with a Setup.hs of their own, whose components stand together', () => {
  const components = { lib: {}, 'exe:a': { 'bin-file': '/build/w/a' }, 'test:t': { 'bin-file': '/build/w/t' } };
  const found = parseBuildPlan(plan({ ...local, id: 'app-0.1', 'dist-dir': '/build/w/l', components }));
  expect(found.map(({ kind, name }) => [kind, name])).toEqual([
    ['library', 'app-0.1'],
    ['executable', 'a'],
  ]);
});

test.each(['../../.ssh', 'a/b', '..', '', 'a\0b'])('%j is no name of a package, and so no directory here', (name) => {
  const unit = { ...local, id: 'x', 'pkg-name': name, 'component-name': 'exe:run', 'bin-file': '/build/w/x/run' };
  expect(() => parseBuildPlan(plan(unit))).toThrow('this is not the name of a package');
});

test('anything else is one error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect(() => parseBuildPlan(text)).toThrow(FleetError);
    }),
  );
});
