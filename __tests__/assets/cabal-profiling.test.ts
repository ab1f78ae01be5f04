import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/process/run';
import { temporaryDirectory } from '../support/temporary-directory';

const PREPARE = readFileSync(join(__dirname, '../../assets/cli/cabal.sh'), 'utf8');

describe('cabal.sh on a machine whose GHC has no profiling libraries', () => {
  let directory: string;

  beforeEach(() => {
    directory = temporaryDirectory();
    makeGhc('ghc', 'libraries');
    // GHCup's, which has them
    makeGhc('ghc-9.8.4', 'complete');
    writeFileSync(join(directory, 'complete/x86_64/base-4.18/Prelude.p_hi'), '');
    mkdirSync(join(directory, 'project/sub'), { recursive: true });
  });

  function makeGhc(name: string, libraries: string): void {
    mkdirSync(join(directory, libraries, 'x86_64/base-4.18'), { recursive: true });
    writeFileSync(join(directory, libraries, 'x86_64/base-4.18/Prelude.hi'), '');
    mkdirSync(join(directory, 'bin'), { recursive: true });
    writeFileSync(join(directory, 'bin', name), `#!/bin/sh\necho ${join(directory, libraries)}\n`);
    chmodSync(join(directory, 'bin', name), 0o755);
  }

  /** As run.sh evaluates it before a command. */
  async function prepared(project: string, ...command: readonly string[]) {
    if (project !== '') writeFileSync(join(directory, 'project/cabal.project'), project);
    return run('bash', ['-uc', 'set -u; prepare=$1; shift; eval "$prepare"; echo "ran $*"', '-', PREPARE, ...command], {
      cwd: join(directory, 'project/sub'),
      env: { PATH: `${join(directory, 'bin')}:/usr/bin:/bin`, HOME: directory, CABAL_CONFIG: '/dev/null' },
      acceptExitCodes: [0, 1],
    });
  }

  test.each([
    ['', ['build', '--enable-profiling']],
    ['packages: .\nprofiling: True\n', ['build']],
    ['packages: .\n\npackage app\n  Library-Profiling:   true\n', ['test', 'all']],
    ['packages: .\nprofiling: True\nwith-compiler: ghc-9.8.4\n', ['build', '--with-compiler=ghc']],
  ])('%j %j is refused with what installs them', async (project, command) => {
    const { exitCode, stdout, stderr } = await prepared(project, 'cabal', ...command);
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^\S+ lacks the libraries with profiling .*\n`buildfleet add-package --vm \S+ ghc-prof` /);
  });

  test.each([
    ['', ['build']],
    ['packages: .\n-- profiling: True\n', ['build']],
    ['packages: .\nprofiling: False\n', ['build']],
    ['packages: .\nprofiling: True\n', ['build', '--disable-profiling']],
    ['', ['run', 'app', '--', '--enable-profiling']],
    ['', ['build', '--enable-profiling', '--with-compiler=ghc-9.8.4']],
    ['with-compiler: ghc-9.8.4\nprofiling: True\n', ['build']],
    ['', ['build', '--enable-profiling', '--with-compiler=ghc-none']],
  ])('%j %j is left to cabal', async (project, command) => {
    expect(await prepared(project, 'cabal', ...command)).toEqual({
      exitCode: 0,
      stdout: `ran cabal ${command.join(' ')}\n`,
      stderr: '',
    });
  });
});
