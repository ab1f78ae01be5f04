import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hpackScript } from '../../src/cli/work/hpack';
import type { FleetVm } from '../../src/model/fleet';
import { temporaryDirectory } from '../support/temporary-directory';

const VM = { id: 'alpha', name: 'haskell-build-alpha' } as FleetVm;

/** Stands in for hpack: makes the file that the first line of package.yaml names, unless it is there. */
const FAKE_HPACK = `#!/bin/sh
[ "$*" = --silent ] || exit 9
read -r _ name <package.yaml
[ "$name" != wrong ] || { echo 'package.yaml: wrong' >&2; exit 1; }
[ -e "$name.cabal" ] || echo '-- This file has been generated from package.yaml by hpack version 0.' >"$name.cabal"
`;

describe('the script that has hpack make .cabal files', () => {
  let directory: string;
  let workspace: string;

  beforeEach(() => {
    directory = temporaryDirectory();
    workspace = join(directory, 'build/app');
    mkdirSync(join(workspace, 'a b'), { recursive: true });
    mkdirSync(join(directory, 'bin'));
    for (const name of ['bash', 'sh', 'grep', 'xargs', 'rm', 'ls', 'tail'])
      symlinkSync(
        execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim(),
        join(directory, 'bin', name),
      );
    writeFileSync(join(directory, 'bin/hpack'), FAKE_HPACK, { mode: 0o755 });
    writeFileSync(join(workspace, 'package.yaml'), 'name: app\n');
    writeFileSync(join(workspace, 'a b/package.yaml'), 'name: lib\n');
  });

  function prepare(...directories: string[]) {
    const script = `set -u; books=${directory}/build/.buildfleet workspace=app\neval "$1"\necho prepared`;
    const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', script, '-', hpackScript(directories, VM)], {
      env: { PATH: join(directory, 'bin') },
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  }

  const cabalFiles = (at = '') => readdirSync(join(workspace, at)).filter((name) => name.endsWith('.cabal'));

  test('makes one in each directory, and leaves what it made', () => {
    for (let time = 1; time <= 2; time++)
      expect(prepare('', 'a b')).toEqual({ status: 0, stdout: 'prepared\n', stderr: '' });
    expect([cabalFiles(), cabalFiles('a b')]).toEqual([['app.cabal'], ['lib.cabal']]);
  });

  test('a file of an earlier name, and one that was sent before, goes', () => {
    prepare('');
    utimesSync(join(workspace, 'app.cabal'), 1, 1);
    writeFileSync(join(workspace, 'sent.cabal'), 'name: sent\n');
    writeFileSync(join(workspace, 'package.yaml'), 'name: other\n');
    expect(prepare('')).toMatchObject({ status: 0, stderr: '' });
    expect(cabalFiles()).toEqual(['other.cabal']);
  });

  test('what hpack refuses, and hpack that is missing, ends the command', () => {
    writeFileSync(join(workspace, 'package.yaml'), 'name: wrong\n');
    expect(prepare('')).toEqual({ status: 1, stdout: '', stderr: 'package.yaml: wrong\n' });
    execFileSync('rm', [join(directory, 'bin/hpack')]);
    const { status, stderr } = prepare('');
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/`buildfleet add-package --vm alpha hpack` installs it\n$/),
    ]);
    expect(existsSync(join(workspace, 'wrong.cabal'))).toBe(false);
  });

  test('without such packages nothing is done', () => {
    expect(hpackScript([], VM)).toBe('');
  });
});
