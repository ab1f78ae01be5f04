import fc from 'fast-check';
import { parseBuildPlan } from '../../../../src/cli/fetch/build-plan';
import { FleetError } from '../../../../src/model/errors';

const plan = (...units: object[]) =>
  JSON.stringify({ 'cabal-version': '3.10.3.0', 'compiler-id': 'ghc-9.6.6', 'install-plan': units });

const local = { type: 'configured', 'pkg-name': 'app', 'pkg-version': '0.1', style: 'local' };

const kinds = (text: string) => parseBuildPlan(text).artifacts.map(({ kind, name }) => [kind, name]);
const filesOf = (text: string) => parseBuildPlan(text).artifacts.flatMap(({ files }) => files);

test('names executables and libraries of local packages, and nothing else', () => {
  expect(
    parseBuildPlan(
      plan(
        { type: 'pre-existing', id: 'base-4.18', 'pkg-name': 'base' },
        { ...local, id: 'text-2', style: 'global', 'component-name': 'lib', 'dist-dir': '/build/w/d' },
        {
          ...{ ...local, id: 'app-0.1-inplace', 'component-name': 'lib', 'dist-dir': '/build/w/l' },
          'pkg-src': { type: 'local', path: '/build/w/app/.' },
        },
        { ...local, id: 'app-0.1-inplace-run', 'component-name': 'exe:run', 'bin-file': '/build/w/x/run' },
        { ...local, id: 'app-0.1-inplace-spec', 'component-name': 'test:spec', 'bin-file': '/build/w/x/spec' },
      ),
    ),
  ).toEqual({
    compiler: 'ghc-9.6.6',
    packages: new Map([['app', '/build/w/app']]),
    artifacts: [
      {
        kind: 'library',
        package: 'app',
        name: 'app-0.1-inplace',
        component: 'lib',
        record: 'app-0.1-inplace',
        files: [
          '/build/w/l/build/libHSapp-0.1-inplace.a',
          '/build/w/l/build/libHSapp-0.1-inplace_p.a',
          '/build/w/l/build/libHSapp-0.1-inplace-ghc9.6.6.so',
        ],
      },
      { kind: 'executable', package: 'app', name: 'run', component: 'exe:run', files: ['/build/w/x/run'] },
    ],
  });
});

test('a library with a name of its own is in a directory of that name', () => {
  const unit = { ...local, id: 'app-0.1-inplace-inner', 'component-name': 'lib:inner', 'dist-dir': '/build/w/l' };
  expect(kinds(plan(unit))).toEqual([['library', 'app-0.1-inplace-inner']]);
  expect(filesOf(plan(unit))).toContain('/build/w/l/build/inner/libHSapp-0.1-inplace-inner.a');
});

test('a foreign library is looked for in its directory, because its file is named after its version', () => {
  const file = '/build/w/l/build/capp/libcapp.so';
  const unit = { ...local, id: 'x', 'component-name': 'flib:capp', 'dist-dir': '/build/w/l', 'bin-file': file };
  expect(kinds(plan(unit))).toEqual([['foreign-library', 'capp']]);
  expect(filesOf(plan(unit))).toEqual(['/build/w/l/build/capp/']);
});

test('of a library with signatures what they were filled with counts, and without that the library itself', () => {
  const sig = { ...local, id: 'app-0.1-inplace-sig', 'component-name': 'lib:sig', 'dist-dir': '/build/w/s' };
  const filled = { ...sig, id: 'app-0.1-inplace-sig+Ab12', 'dist-dir': '/build/w/f' };
  expect(kinds(plan(sig))).toEqual([['library', 'app-0.1-inplace-sig']]);
  expect(kinds(plan(sig, filled))).toEqual([['library', 'app-0.1-inplace-sig+Ab12']]);
  expect(filesOf(plan(sig, filled))).toContain(
    '/build/w/f/build/app-0.1-inplace-sig+Ab12/libHSapp-0.1-inplace-sig+Ab12.a',
  );
});

test('knows packages with a Setup.hs of their own, whose components stand together', () => {
  const executables = { 'exe:a': { 'bin-file': '/build/w/a' }, 'test:t': { 'bin-file': '/build/w/t' } };
  const unit = {
    ...local,
    id: 'app-0.1',
    'dist-dir': '/build/w/l',
    components: { lib: {}, 'lib:sub': {}, ...executables },
  };
  expect(kinds(plan(unit))).toEqual([
    ['library', 'app-0.1'],
    ['library', 'app-0.1-sub'],
    ['executable', 'a'],
  ]);
});

test.each(['../x', 'a/b', '.hidden/../x'])('%j is no name of a component, and so no path', (name) => {
  const unit = { ...local, id: 'x', 'component-name': `flib:${name}`, 'dist-dir': '/build/w/l' };
  expect(kinds(plan(unit))).toEqual([]);
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
