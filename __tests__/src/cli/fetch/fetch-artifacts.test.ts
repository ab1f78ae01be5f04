import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fetchArtifacts } from '../../../../src/cli/fetch/fetch-artifacts';
import { whatDoesNotRunHere } from '../../../../src/cli/fetch/runs-here';
import { FETCHED_MARK } from '../../../../src/cli/project/fetched';
import type { FleetVm } from '../../../../src/model/fleet';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { describeWithTools } from '../../../support/tools';
import { StandInVm } from './support/stand-in-vm';

const VM = { id: 'alpha', name: 'haskell-build-alpha' } as FleetVm;
const WORKSPACE = 'me-app-0123456789ab';
const ROOT = `/build/${WORKSPACE}`;

const unit = (id: string, component: string, more: object = {}) => ({
  ...{ type: 'configured', id, 'pkg-name': 'app', style: 'local', 'component-name': component },
  ...{ 'dist-dir': `${ROOT}/dist-newstyle/d`, 'pkg-src': { type: 'local', path: `${ROOT}/.` }, ...more },
});

describeWithTools(['rsync', 'sha256sum', 'bash'], 'fetching from a directory that stands in for a VM', () => {
  let vm: StandInVm;
  let to: string;

  beforeEach(() => {
    vm = new StandInVm(VM, WORKSPACE);
    to = join(temporaryDirectory(), 'result');
  });

  function plan(units: readonly object[], directory = 'dist-newstyle'): void {
    const text = JSON.stringify({ 'compiler-id': 'ghc-9.6.6', 'install-plan': units });
    vm.write(`${directory}/cache/plan.json`, text);
    vm.write(`${directory}/cache/improved-plan`);
  }

  const fetch = () => fetchArtifacts(vm.tools, vm.source, to);

  test('a named library, an instance of signatures and a foreign library come', async () => {
    plan([
      unit('app-0.1-inplace-inner', 'lib:inner'),
      unit('app-0.1-inplace-sig', 'lib:sig'),
      unit('app-0.1-inplace-sig+Ab1', 'lib:sig'),
      unit('app-0.1-inplace-capp', 'flib:capp', { 'bin-file': `${ROOT}/dist-newstyle/d/build/capp/libcapp.so` }),
    ]);
    vm.write('dist-newstyle/d/build/inner/libHSapp-0.1-inplace-inner.a', 'inner');
    vm.write('dist-newstyle/d/build/app-0.1-inplace-sig+Ab1/libHSapp-0.1-inplace-sig+Ab1.a', 'filled');
    vm.write('dist-newstyle/d/build/capp/libcapp.so.6.3.2', 'capp');
    const { files, remarks } = await fetch();
    expect(files.map(({ kind, path }) => [kind, path.slice(to.length)])).toEqual([
      ['library', '/lib/libHSapp-0.1-inplace-inner.a'],
      ['library', '/lib/libHSapp-0.1-inplace-sig+Ab1.a'],
      ['foreign-library', '/lib/libcapp.so.6.3.2'],
    ]);
    expect(readlinkSync(join(to, 'lib/libcapp.so'))).toBe('libcapp.so.6.3.2');
    expect(readFileSync(join(to, 'lib/libcapp.so.6'), 'utf8')).toBe('capp');
    expect(remarks).toEqual([]);
    await fetch();
  });

  test('what is not there is named, by the reason', async () => {
    plan([unit('app-0.1-inplace', 'lib'), unit('bp-0.1-inplace-sig', 'lib:sig'), unit('x', 'flib:capp')]);
    vm.write('dist-newstyle/d/build/libHSapp-0.1-inplace.a', 'app');
    vm.write('dist-newstyle/packagedb/ghc-9.6.6/bp-0.1-inplace-sig.conf', 'indefinite: True');
    expect((await fetch()).remarks).toEqual([
      'without code of its own, such as signatures that nothing fills: app:lib:sig',
      'not fetched, because it is not built: app:flib:capp',
    ]);
  });

  test('a project of tests alone is not said to be not built', async () => {
    plan([unit('t', 'test:spec', { 'bin-file': `${ROOT}/dist-newstyle/d/spec` })]);
    await expect(fetch()).rejects.toMatchObject({
      code: 'nothing-built',
      problem: expect.stringContaining('neither executables nor libraries') as string,
    });
  });

  test('the directory that --builddir names is looked into when it was built in last', async () => {
    plan([unit('app-0.1-inplace', 'lib')]);
    plan([unit('app-0.1-inplace', 'lib', { 'dist-dir': `${ROOT}/out/dist x/d` })], 'out/dist x');
    vm.touch('dist-newstyle/cache/plan.json', '2001-01-01');
    vm.write('dist-newstyle/d/build/libHSapp-0.1-inplace.a', 'old');
    vm.write('out/dist x/d/build/libHSapp-0.1-inplace.a', 'new');
    const { files, remarks } = await fetch();
    expect(files.map(({ path }) => readFileSync(path, 'utf8'))).toEqual(['new']);
    expect(remarks).toEqual(['built last in out/dist x']);
  });

  test('among other files those that were fetched are noted', async () => {
    plan([unit('app-0.1-inplace', 'lib')]);
    vm.write('dist-newstyle/d/build/libHSapp-0.1-inplace.a', 'app');
    mkdirSync(to);
    writeFileSync(join(to, 'mine'), '');
    await fetch();
    expect(readFileSync(join(to, FETCHED_MARK), 'utf8')).toMatch(/^3 \d+ lib\/libHSapp-0\.1-inplace\.a\n$/);
  });

  describeWithTools(['cc', 'readelf'], 'with a compiler', () => {
    function compile(source: string, ...options: string[]): void {
      const file = vm.write('main.c', source);
      const out = vm.write('dist-newstyle/d/app');
      execFileSync('cc', [file, '-o', out, ...options], { stdio: 'pipe' });
    }

    async function missing(environment: NodeJS.ProcessEnv = {}): Promise<string[]> {
      plan([unit('app-0.1-inplace-app', 'exe:app', { 'bin-file': `${ROOT}/dist-newstyle/d/app` })]);
      const project = temporaryDirectory();
      writeFileSync(join(project, 'app.cabal'), 'data-dir: share\nDATA-FILES:\n  greeting.txt\n');
      const fetching = await fetch();
      return whatDoesNotRunHere({ ...vm.tools, environment }, vm.source, project, fetching);
    }

    const MAIN = 'int main(void) { return 0; }\n';

    test('a program that runs here is not talked about', async () => {
      compile(MAIN);
      expect(await missing()).toEqual([]);
    });

    test('a glibc that is newer than this one is said, with the image of this release', async () => {
      compile(MAIN);
      // stands in for a program that was built on a newer release
      const fake =
        '#!/bin/sh\nPATH=${PATH#*:}\nreadelf "$@"\necho "Version needs section"; echo "Name: GLIBC_2.99 Flags"\n';
      vm.addProgram('readelf', fake);
      const lines = await missing();
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(
        /bin\/app does not run here: it needs glibc 2\.99 of haskell-build-alpha, and this system has [\d.]+: .*executable-static: True/,
      );
    });

    test('shared libraries that are missing here are said', async () => {
      const library = join(dirname(to), 'libgone.so');
      writeFileSync(join(dirname(to), 'gone.c'), 'int gone(void) { return 0; }\n');
      execFileSync('cc', ['-shared', '-fPIC', join(dirname(to), 'gone.c'), '-o', library, '-Wl,-soname,libgone.so']);
      compile('int gone(void);\nint main(void) { return gone(); }\n', library, '-Wl,-rpath,$ORIGIN/none');
      expect(await missing()).toEqual([
        expect.stringMatching(
          /bin\/app does not run here: libgone\.so is not installed: install it, or link it statically; /,
        ),
      ]);
      expect(await missing({ LD_LIBRARY_PATH: dirname(to) })).toEqual([]);
    });

    test('data files are looked for where the variable says', async () => {
      compile('#include <stdlib.h>\nint main(void) { return getenv("app_datadir") == 0; }\n');
      expect(await missing()).toEqual([
        expect.stringMatching(
          /bin\/app does not find its data files here by itself: start it with app_datadir=\/.*\/share$/,
        ),
      ]);
    });

    test('without readelf that is said', async () => {
      compile(MAIN);
      vm.hideProgram('readelf');
      expect(await missing()).toEqual([expect.stringContaining('apt-get install binutils')]);
    });
  });
});
