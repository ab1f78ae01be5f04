import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../support/temporary-directory';
import { until } from '../support/until';

const PREPARE = readFileSync(join(__dirname, '../../assets/cli/cabal.sh'), 'utf8');

/** Makes the database of a store as cabal does: not, if it is there when it looks; and not where another one was quicker. */
const STAND_IN = `#!/bin/bash
database=$HOME/.local/state/cabal/store/ghc-9.6.6/package.db
[ -e "$HOME/idle" ] && rm "$HOME/idle" && touch "$HOME/runs" && exec sleep 20
[ -e "$HOME/broken" ] && rm "$HOME/broken" && exit 1
if [ ! -e "$database" ]; then
  sleep 0.5
  mkdir -p "\${database%/*}"
  mkdir "$database" || exit 1
  : >"$database/package.cache"
fi
`;

let home: string;

beforeEach(() => {
  home = temporaryDirectory();
  mkdirSync(join(home, 'bin'));
  writeFileSync(join(home, 'bin/cabal'), STAND_IN);
  chmodSync(join(home, 'bin/cabal'), 0o755);
});

const buildBy = (prepare: string, ...args: string[]) =>
  promisify(execFile)('bash', ['-c', `${prepare}\n"$@"`, 'run', 'cabal', 'build', ...args], {
    cwd: home,
    env: { HOME: home, PATH: `${home}/bin:${process.env['PATH'] ?? ''}`, HOSTNAME: 'vm' },
  });

const build = (...args: string[]) => buildBy(PREPARE, ...args);

describe('first builds of a machine that come together', () => {
  test.each([[[]], [['--with-compiler=ghc-9.6.6']]])('all do, with %j', async (args: string[]) => {
    await Promise.all([build(...args), build(...args), build(...args)]);
    expect(existsSync(join(home, '.local/state/cabal/store/ghc-9.6.6/package.db/package.cache'))).toBe(true);
  });

  test('do not wait for ever for one that fails', async () => {
    writeFileSync(join(home, 'broken'), '');
    const results = await Promise.allSettled([build(), build()]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await build();
  });

  test('do not wait for ever for one that needs no store', async () => {
    writeFileSync(join(home, 'idle'), '');
    const idle = build();
    idle.catch(() => undefined);
    await until('it runs', 10, () => existsSync(join(home, 'runs')));
    await buildBy(PREPARE.replace('STORE_SECONDS=20', 'STORE_SECONDS=1'));
    expect(idle.child.exitCode).toBeNull();
    idle.child.kill();
  });
});
