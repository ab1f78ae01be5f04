import { chmodSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { completionSchema } from '../../../src/cli/completion/report';
import { run } from '../../../src/process/run';
import { describeWithTools } from '../../support/tools';
import { buildfleet } from '../../support/buildfleet';
import { temporaryDirectory } from '../../support/temporary-directory';
import { bash, fish, type Place, type ShellWithTab, zsh } from './support/tab-key';

jest.setTimeout(180_000);

const REPOSITORY = join(__dirname, '../../..');
const CLI = join(REPOSITORY, 'bin/buildfleet');
const HOSTILE = [`it's a "stack"`, 'back\\slash $HOME;x', 'a:b=c d', '--dashed', `ends with "`, '$(touch ran)'];

let root: string;
let place: Place;

beforeAll(() => {
  root = temporaryDirectory();
  place = { cwd: join(root, 'project'), home: join(root, 'home') };
  const deployed = join(place.home, '.local/state/buildfleet/fleet');
  mkdirSync(deployed, { recursive: true });
  cpSync(join(REPOSITORY, 'rendered/fleet/fleet.json'), join(deployed, 'fleet.json'));
  for (const directory of ['my projects/app one', "it's", 'other fleet', 'node_modules/.bin', ...HOSTILE.map(stack)])
    mkdirSync(join(place.cwd, directory), { recursive: true });
  cpSync(join(REPOSITORY, 'rendered/laptops/fleet.json'), join(place.cwd, 'other fleet/fleet.json'));
  writeFileSync(join(place.cwd, 'cdktf.json'), '{}');
  const cdktf = join(place.cwd, 'node_modules/.bin/cdktf');
  writeFileSync(cdktf, '#!/bin/sh\nexit 1\n');
  chmodSync(cdktf, 0o755);
});

const stack = (name: string) => join('cdktf.out/stacks', name);

/** Lines up to Tab with a single way to go on. */
const SINGLE = [
  ['buildfleet stat', 'status'],
  ['buildfleet image ver', 'verify'],
  ['buildfleet --quiet doc', 'doctor'],
  ['buildfleet status --fl', '--fleet'],
  ['buildfleet completion z', 'zsh'],
  ['buildfleet build --vm=be', '--vm=beta'],
  ['buildfleet build --vm be', 'beta'],
  ['buildfleet build --ghc ', '9.6.6'],
  ['buildfleet exec be', 'beta'],
  ['buildfleet ssh alpha -- be', 'be'],
  ['buildfleet build my', 'my projects'],
  ['buildfleet fetch --to=my', '--to=my projects'],
  ['buildfleet --fleet cdktf.j', 'cdktf.json'],
  ["buildfleet --fleet 'other fleet/fleet.json' ssh gam", 'gamma'],
  ['buildfleet --fleet other\\ fleet/fleet.json ssh gam', 'gamma'],
  ['buildfleet --fleet="other fleet/fleet.json" ssh gam', 'gamma'],
  ['buildfleet deploy it', `it's a "stack"`],
  ['buildfleet deploy "it', `it's a "stack"`],
  ["buildfleet deploy 'it", `it's a "stack"`],
  ['buildfleet deploy ba', 'back\\slash $HOME;x'],
  ['buildfleet deploy "ba', 'back\\slash $HOME;x'],
  ["buildfleet deploy 'ba", 'back\\slash $HOME;x'],
  ['buildfleet deploy a:b', 'a:b=c d'],
  ['buildfleet deploy a:b=', 'a:b=c d'],
  ['buildfleet deploy ends', 'ends with "'],
  ['buildfleet deploy "ends', 'ends with "'],
] as const;

const VMS = ['alpha', 'beta', 'haskell-build', 'haskell-build-alpha', 'haskell-build-beta'];

function completes(open: () => ShellWithTab, lines: readonly (readonly [string, string])[] = SINGLE): void {
  test.each(lines)('%j + Tab: %j', (typed, expected) => {
    // Where nothing can be added, fish has nothing to say.
    if (typed.endsWith(expected))
      expect(
        open()
          .list(`${typed}ta`)
          .filter((word) => word !== 'beta'),
      ).toEqual([]);
    else expect(open().complete(typed)).toBe(expected);
  });

  test.each([
    ['buildfleet ssh ', VMS],
    ['buildfleet image ', ['gc', 'help', 'list', 'verify', 'warm']],
    ['buildfleet deploy ', HOSTILE],
  ])('%j: all candidates', (typed, expected) => {
    expect(open().list(typed)).toEqual([...expected].sort());
    expect(existsSync(join(place.cwd, 'ran'))).toBe(false);
  });
}

const SOURCED = `source <("${CLI}" completion SHELL)`;

describeWithTools(['bash'], 'bash', () => {
  completes(() => bash(place, SOURCED.replace('SHELL', 'bash')));

  test('Tab runs nothing of what is typed', () => {
    // Ctrl-U takes the line away before Enter.
    bash(place, SOURCED.replace('SHELL', 'bash')).complete(
      'buildfleet $(touch ran) deploy "$(touch ran)" it\t\u0015true',
    );
    expect(existsSync(join(place.cwd, 'ran'))).toBe(false);
  });

  test('shellcheck finds nothing in the script', async () => {
    await run('shellcheck', [join(REPOSITORY, 'assets/cli/completion/buildfleet.bash')]);
  });
});

// The one program that comes with bash-completion.
describeWithTools(['bash', 'dh_bash-completion'], 'bash with bash-completion, which loads the script by itself', () => {
  beforeAll(async () => {
    const directory = join(place.home, '.local/share/bash-completion/completions');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'buildfleet'), (await buildfleet(['completion', 'bash'])).stdout);
  });

  completes(() => bash(place, 'source /usr/share/bash-completion/bash_completion'));
});

describeWithTools(['zsh'], 'zsh', () => {
  completes(() => zsh(place, `autoload -Uz compinit; compinit -D -u; ${SOURCED.replace('SHELL', 'zsh')}`));
});

describeWithTools(['zsh'], 'zsh, the script in a directory of fpath', () => {
  beforeAll(async () => {
    const directory = join(place.home, 'functions');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, '_buildfleet'), (await buildfleet(['completion', 'zsh'])).stdout);
  });

  completes(() => zsh(place, 'fpath=(~/functions $fpath); autoload -Uz compinit; compinit -D -u'), SINGLE.slice(0, 8));
});

describeWithTools(['fish'], 'fish', () => {
  completes(() => fish(place, `source ("${CLI}" completion fish | psub)`));
});

describe('candidates', () => {
  const ask = (words: readonly string[], env: Record<string, string> = {}) =>
    buildfleet(['__complete', 'fish', '--', ...words], { cwd: place.cwd, env: { HOME: place.home, ...env } });

  test.each<[string, string[], Record<string, string>]>([
    ['no fleet', ['ssh', ''], { HOME: '/nonexistent' }],
    ['a fleet.json that is not there', ['--fleet', '/nonexistent', 'ssh', ''], {}],
    ['a fleet.json that is none', ['--fleet', 'cdktf.json', 'ssh', ''], {}],
    ['a fleet of the environment that is not there', ['ssh', ''], { BUILDFLEET_FLEET: '/nonexistent' }],
    ['no such command', ['frobnicate', ''], {}],
    ['no such option', ['status', '--frobnicate='], {}],
    ['behind the separator', ['build', '--', '--json', '--help', ''], {}],
  ])('%s: none, silently', async (_what, words, env) => {
    const { stdout, stderr, exitCode } = await ask(words, env);
    expect({ stdout: stdout.toString(), stderr, exitCode }).toEqual({ stdout: 'none\n', stderr: '', exitCode: 0 });
  });

  test('the fleet of BUILDFLEET_FLEET, and nearer the one of --fleet', async () => {
    const env = { BUILDFLEET_FLEET: join(place.cwd, 'other fleet/fleet.json') };
    expect((await ask(['ssh', ''], env)).stdout.toString()).toContain('gamma\t');
    const own = join(place.home, '.local/state/buildfleet/fleet/fleet.json');
    expect((await ask(['--fleet', own, 'ssh', ''], env)).stdout.toString()).toContain('alpha\thaskell-build-alpha\n');
  });
});

test('with --json the script is in a document', async () => {
  const { stdout } = await buildfleet(['completion', 'fish', '--json']);
  expect(completionSchema.parse(JSON.parse(stdout.toString()))).toMatchObject({
    formatVersion: 1,
    shell: 'fish',
    script: expect.stringContaining('complete -c buildfleet'),
  });
});
