import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { temporaryDirectory } from '../../support/temporary-directory';

jest.setTimeout(60_000);

const REPOSITORY = join(__dirname, '../../..');
const PARTS = ['bin', 'src', 'package.json', 'package-lock.json'];

describe('bin/buildfleet in a checkout of its own', () => {
  let checkout: string;

  beforeEach(() => {
    checkout = temporaryDirectory();
    for (const part of PARTS) cpSync(join(REPOSITORY, part), join(checkout, part), { recursive: true });
    symlinkSync(join(REPOSITORY, 'node_modules'), join(checkout, 'node_modules'));
  });

  const help = async () => (await run(join(checkout, 'bin/buildfleet'), ['--help'])).stdout;
  const manifest = () => join(checkout, 'dist/cli/manifest.json');
  const bundleOf = () => (JSON.parse(readFileSync(manifest(), 'utf8')) as { bundle: string }).bundle;
  const edit = (path: string, change: (text: string) => string) => {
    const file = join(checkout, path);
    const before = readFileSync(file, 'utf8');
    const after = change(before);
    expect(after).not.toBe(before);
    writeFileSync(file, after);
  };

  test('works without a build step, and again without building', async () => {
    expect(await help()).toContain('Exit codes:');
    const built = statSync(manifest()).mtimeMs;
    expect(await help()).toContain('Exit codes:');
    expect(statSync(manifest()).mtimeMs).toBe(built);
  });

  test('builds again when a source has changed, also one of the same length', async () => {
    await help();
    edit('src/cli/exit-codes.ts', (text) => text.replace('  0    done', '  0    DONE'));
    expect(await help()).toContain('  0    DONE');
  });

  test('does not build again when files only have new times', async () => {
    await help();
    const before = bundleOf();
    utimesSync(join(checkout, 'src/cli/program.ts'), new Date(), new Date('2024-01-01T00:00:00Z'));
    expect(await help()).toContain('Exit codes:');
    expect(bundleOf()).toBe(before);
  });

  test('is not confused by a damaged code cache or a bundle that has gone', async () => {
    await help();
    writeFileSync(join(checkout, 'dist/cli', `${bundleOf()}.help.${process.version}-${process.arch}.code`), 'garbage');
    expect(await help()).toContain('Exit codes:');
    rmSync(join(checkout, 'dist/cli', bundleOf()));
    expect(await help()).toContain('Exit codes:');
  });

  test('keeps a code cache for each command that has run, and another one while it has only failed', async () => {
    const caches = (use: string) =>
      readdirSync(join(checkout, 'dist/cli')).flatMap((name) => {
        const [, kind] = new RegExp(`\\.${use}\\.v[^-]+-[^.]+\\.(code|early)$`).exec(name) ?? [];
        return kind === undefined ? [] : [kind];
      });
    await help();
    expect(caches('help')).toEqual(['code']);
    const ports = () => run(join(checkout, 'bin/buildfleet'), ['ports', 'list'], { cwd: REPOSITORY });
    const before = (await ports()).stdout;
    expect(before).toContain('haskell-build-alpha');
    expect(caches('ports')).toEqual(['code']);
    expect((await ports()).stdout).toBe(before);
    const failed = await run(join(checkout, 'bin/buildfleet'), ['info'], { acceptExitCodes: [3] });
    expect(failed.stderr).toContain('--fleet');
    expect(caches('info')).toEqual(['early']);
  });

  test('builds again when the source of a command has changed', async () => {
    const list = async () =>
      (await run(join(checkout, 'bin/buildfleet'), ['ports', 'list'], { cwd: REPOSITORY })).stdout;
    expect(await list()).toContain('STATUS');
    edit('src/cli/ports/run.ts', (text) => text.replace("'STATUS'", "'STATE'"));
    expect(await list()).not.toContain('STATUS');
  });

  test('several at once in a fresh checkout all work', async () => {
    const answers = await Promise.all([help(), help(), help(), help()]);
    for (const answer of answers) expect(answer).toContain('Exit codes:');
  });

  test('names file, line and reason of a source that cannot be built', async () => {
    await help();
    edit('src/cli/ports/run.ts', (text) => `${text}\nconst = 1;\n`);
    const { stderr } = await run(join(checkout, 'bin/buildfleet'), ['--help'], { acceptExitCodes: [1] });
    expect(stderr).toMatch(/src\/cli\/ports\/run\.ts:\d+:6: ERROR/);
  });

  test.each(['--help', 'status', 'build', 'deploy'])(
    '%s says that the working directory has been deleted',
    async (word) => {
      const gone = join(checkout, 'gone');
      mkdirSync(gone);
      const words = [
        '-c',
        'cd "$1" && rmdir "$1" && shift && exec "$@"',
        'sh',
        gone,
        join(checkout, 'bin/buildfleet'),
        word,
      ];
      const { stderr } = await run('sh', words, { acceptExitCodes: [1] });
      expect(stderr).toBe('buildfleet: the working directory has been deleted: change to one that is there\n');
    },
  );

  test('says what to do when dependencies are missing', async () => {
    rmSync(join(checkout, 'node_modules'));
    const { stderr, exitCode } = await run(join(checkout, 'bin/buildfleet'), ['--help'], { acceptExitCodes: [1] });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('run `npm ci`');
  });
});
