import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fetchPaths } from '../../../../src/cli/fetch/fetch-paths';
import type { FleetVm } from '../../../../src/model/fleet';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { describeWithTools } from '../../../support/tools';
import { StandInVm } from './support/stand-in-vm';

const VM = { id: 'alpha', name: 'haskell-build-alpha' } as FleetVm;
const WORKSPACE = 'me-app-0123456789ab';

describeWithTools(['rsync', 'sha256sum', 'bash'], 'files of the project on a directory that stands in for a VM', () => {
  let vm: StandInVm;
  let project: string;

  beforeEach(() => {
    vm = new StandInVm(VM, WORKSPACE);
    project = temporaryDirectory();
  });

  const fetch = (patterns: string[], to?: string) => fetchPaths(vm.tools, vm.source, { project, to, patterns });
  const here = (path: string) => readFileSync(join(project, path), 'utf8');

  function writeHere(path: string, text: string, date: string): void {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), text);
    utimesSync(join(project, path), new Date(date), new Date(date));
  }

  test('come to where they are in the project, with their times, so that no sync sends them again', async () => {
    writeHere('test/golden/a.txt', 'old', '2020-01-01');
    vm.write('test/golden/a.txt', 'accepted');
    vm.write('test/golden/deep/odd \n*name.txt', 'new');
    vm.write('test/other.hs', 'other');
    const { files, remarks } = await fetch(['test/golden/**']);
    expect(files.map(({ kind, name }) => [kind, name])).toEqual([
      ['file', 'test/golden/a.txt'],
      ['file', 'test/golden/deep/odd \n*name.txt'],
    ]);
    expect(remarks).toEqual([]);
    expect(here('test/golden/a.txt')).toBe('accepted');
    expect(here('test/golden/deep/odd \n*name.txt')).toBe('new');
    expect(statSync(join(project, 'test/golden/a.txt')).mtimeMs).toBe(statSync(vm.path('test/golden/a.txt')).mtimeMs);
    expect(existsSync(join(project, '.buildfleet-fetched'))).toBe(false);
    expect(existsSync(join(project, 'test/other.hs'))).toBe(false);
  });

  test('a file that is newer here stays, and is named', async () => {
    vm.write('golden', 'accepted');
    vm.touch('golden', '2020-01-01');
    writeHere('golden', 'edited since', '2021-01-01');
    const { files, remarks } = await fetch(['golden']);
    expect(files).toEqual([]);
    expect(here('golden')).toBe('edited since');
    expect(remarks).toEqual([
      "left as it is, because it is newer here: golden; --to DIRECTORY brings the VM's beside it",
    ]);
    const beside = join(project, 'beside');
    await fetch(['golden'], beside);
    expect(readFileSync(join(beside, 'golden'), 'utf8')).toBe('accepted');
    expect(existsSync(join(beside, '.buildfleet-fetched'))).toBe(true);
  });

  test('what a sync has put aside comes back, unless there is a newer one', async () => {
    vm.write('golden', 'sent from here');
    vm.touch('golden', '2020-01-01');
    vm.write(`../.buildfleet/${WORKSPACE}.kept/golden`, 'accepted');
    vm.write(`../.buildfleet/${WORKSPACE}.kept/cabal.project.freeze`, 'frozen');
    await fetch(['golden', 'cabal.*']);
    expect([here('golden'), here('cabal.project.freeze')]).toEqual(['accepted', 'frozen']);
    vm.write('golden', 'accepted again');
    await fetch(['golden']);
    expect(here('golden')).toBe('accepted again');
  });

  test('what was put aside is reached, also when a later edit here was sent over it', async () => {
    vm.write(`../.buildfleet/${WORKSPACE}.kept/golden`, 'work of the VM');
    vm.touch(`../.buildfleet/${WORKSPACE}.kept/golden`, '2020-01-01');
    writeHere('golden', 'edited since', '2021-01-01');
    vm.write('golden', 'edited since');
    vm.touch('golden', '2021-01-01');
    const { remarks } = await fetch(['golden']);
    expect(here('golden')).toBe('edited since');
    expect(remarks.join()).toContain('because it is newer here: golden; --to DIRECTORY');
    const beside = join(project, 'beside');
    await fetch(['golden'], beside);
    expect(readFileSync(join(beside, 'golden'), 'utf8')).toBe('work of the VM');
  });

  test('a name that looks like a pattern is taken as it is, too', async () => {
    vm.write('a[1].txt', 'odd');
    vm.write('a1.txt', 'plain');
    expect((await fetch(['a[1].txt'])).files.map(({ name }) => name)).toEqual(['a1.txt', 'a[1].txt']);
  });

  test('what is no file is named, and not fetched', async () => {
    vm.write('out/file');
    symlinkSync('/etc/passwd', vm.path('out/link'));
    execFileSync('mkfifo', [vm.path('out/pipe')]);
    const { files, remarks } = await fetch(['out']);
    expect(files.map(({ name }) => name)).toEqual(['out/file']);
    expect(remarks).toEqual([
      'not fetched, because it is a symbolic link, which may lead anywhere: out/link',
      'not fetched, because it is no file: out/pipe',
    ]);
    await expect(fetch(['out/l*'])).rejects.toMatchObject({
      code: 'nothing-matches',
      problem: expect.stringContaining('symbolic link, which may lead anywhere: out/link') as string,
    });
  });

  test('a VM that lists what was not asked for, or leads out, brings nothing of that', async () => {
    const sum = 'a'.repeat(64);
    const lies = ['.git/hooks/post-checkout', '../out', 'Setup.hs'].map((path) => `${sum}  ./${path}\\0`).join('');
    vm.addProgram('ssh', `#!/bin/sh\nprintf 'root workspace\\0${lies}'\n`);
    await expect(fetch(['golden/**', 'x'])).rejects.toMatchObject({ code: 'nothing-matches' });
  });

  test('more than the limit is refused before it is read, and what is not there is an error', async () => {
    vm.write('large', 'x'.repeat(3000));
    await expect(
      fetchPaths({ ...vm.tools, limitBytes: 2000 }, vm.source, { project, to: undefined, patterns: ['large'] }),
    ).rejects.toMatchObject({ code: 'fetch-too-large' });
    await expect(fetch(['$(touch executed)', 'none*'])).rejects.toMatchObject({ code: 'nothing-matches' });
    expect(existsSync(vm.path('executed'))).toBe(false);
  });
});
