import { cpSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { dependencies, devDependencies } from '../package.json';
import { run } from '../src/process/run';
import { describeWithTools } from './support/tools';
import { temporaryDirectory } from './support/temporary-directory';

const REPOSITORY = join(__dirname, '..');
const SOURCES = ['assets', 'constructs', 'src', 'stacks'];
const SINGLE_FILES = ['main.ts', 'scripts/ts-node.cjs', 'package.json', 'port-registry.yml', 'tsconfig.json'];
const MINUTE = 60_000;

/** What node loads before anything else, so that cdktn stands in for cdktf. */
const CDKTN = join(__dirname, 'support/cdktn-for-cdktf.cjs');
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const runsCdktn = major > 22 || (major === 22 && minor >= 19);

/** A copy of the project at another path; only the dependencies are shared. */
function copyOfProject(name: string): string {
  const directory = join(temporaryDirectory(), name);
  mkdirSync(directory);
  for (const source of [...SOURCES, ...SINGLE_FILES]) {
    cpSync(join(REPOSITORY, source), join(directory, source), { recursive: true });
  }
  symlinkSync(join(REPOSITORY, 'node_modules'), join(directory, 'node_modules'));
  return directory;
}

/** Runs `main.ts` as the cdktf command does, under another umask. */
async function synth(
  directory: string,
  {
    umask = '022',
    cwd = directory,
    env = {},
    preloads = [],
  }: { umask?: string; cwd?: string; env?: Record<string, string>; preloads?: readonly string[] } = {},
): Promise<void> {
  const node = [
    process.execPath,
    ...[...preloads, join(directory, 'scripts/ts-node.cjs')].flatMap((module) => ['--require', module]),
    join(directory, 'main.ts'),
  ];
  await run('bash', ['-c', 'umask "$0" && exec "$@"', umask, ...node], {
    cwd,
    env: {
      CI: '',
      CDKTF_OUTDIR: join(directory, 'cdktf.out'),
      TS_NODE_PROJECT: join(directory, 'tsconfig.json'),
      ...env,
    },
  });
}

/** Every file below a directory: permissions and content. */
function tree(directory: string): Record<string, { readonly mode: string; readonly text: string }> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(directory, path)).isFile(),
  );
  return Object.fromEntries(
    files.sort().map((path) => [
      path,
      {
        mode: (statSync(join(directory, path)).mode & 0o777).toString(8),
        text: readFileSync(join(directory, path)).toString('latin1'),
      },
    ]),
  );
}

/** Version control keeps of the permissions only whether a file is executable. */
function executability(files: ReturnType<typeof tree>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(files).map(([path, { mode, text }]) => [
      path,
      { executable: (parseInt(mode, 8) & 0o100) !== 0, text },
    ]),
  );
}

/** What is rendered, with the plans in one spelling and without the version of the library that wrote them. */
function contentBy(version: string, directory: string): Record<string, string> {
  const files = Object.entries(tree(join(directory, 'rendered')));
  return Object.fromEntries(
    files.map(([path, { text }]) => {
      if (!path.endsWith('cdk.tf.json')) return [path, text];
      const plan = JSON.parse(text) as { '//': { metadata: { version?: string } } };
      expect(plan['//'].metadata.version).toBe(version);
      delete plan['//'].metadata.version;
      return [path, JSON.stringify(plan, null, 2)];
    }),
  );
}

describeWithTools(['bash'], 'synth of main.ts', () => {
  let project: string;

  beforeAll(async () => {
    project = copyOfProject('project');
    await synth(project);
  }, MINUTE);

  test('rendered/ and port-registry.yml are what `cdktf synth` writes now', () => {
    const committed = executability(tree(join(REPOSITORY, 'rendered')));
    const fresh = executability(tree(join(project, 'rendered')));
    expect(Object.keys(committed)).toEqual(Object.keys(fresh));
    expect(committed).toEqual(fresh);
    expect(readFileSync(join(REPOSITORY, 'port-registry.yml'), 'utf8')).toBe(
      readFileSync(join(project, 'port-registry.yml'), 'utf8'),
    );
  });

  test(
    'the same bytes and permissions at another path, time zone, locale, umask and working directory',
    async () => {
      const other = copyOfProject('another place');
      await synth(other, {
        umask: '077',
        cwd: '/',
        env: {
          TZ: 'Pacific/Kiritimati',
          LC_ALL: 'tr_TR.UTF-8',
          LANG: 'tr_TR.UTF-8',
          HOME: '/nonexistent',
          USER: 'somebody',
        },
      });
      expect(tree(join(other, 'rendered'))).toEqual(tree(join(project, 'rendered')));
      const content = (files: ReturnType<typeof tree>): unknown =>
        Object.entries(files).map(([path, { text }]) => [path, text]);
      expect(content(tree(join(other, 'cdktf.out')))).toEqual(content(tree(join(project, 'cdktf.out'))));
    },
    MINUTE,
  );

  (runsCdktn ? test : test.skip)(
    `cdktn in the place of cdktf renders the same${runsCdktn ? '' : ' (skipped: its command needs Node 22.19)'}`,
    async () => {
      const other = copyOfProject('with cdktn');
      await synth(other, { preloads: [CDKTN] });
      expect(contentBy(devDependencies.cdktn, other)).toEqual(contentBy(dependencies.cdktf, project));
    },
    MINUTE,
  );

  test('no cache of compiled code is kept in $TMPDIR, where another account could have left one of its own', async () => {
    const shared = join(temporaryDirectory(), 'tmp');
    mkdirSync(shared);
    await synth(copyOfProject('own-code'), { env: { TMPDIR: shared } });
    expect(readdirSync(shared)).toEqual([]);
  });

  test('nothing of this machine, no time and no secret is in it', () => {
    const today = new Date().toISOString().slice(0, 10);
    const traces = [project, REPOSITORY, homedir(), today, 'BEGIN OPENSSH PRIVATE KEY'];
    for (const [path, { text }] of Object.entries(tree(join(project, 'rendered')))) {
      // the image's own /root and the like are no trace of a machine whose home that is
      if (path.includes('/debian/') || path.includes('/scripts/') || path.endsWith('.pkr.hcl')) continue;
      expect({ path, found: traces.filter((trace) => text.includes(trace)) }).toEqual({ path, found: [] });
    }
  });

  test(
    'mistakes are one list without a stack trace, and the exit code says so',
    async () => {
      const broken = copyOfProject('broken');
      const main = readFileSync(join(broken, 'main.ts'), 'utf8');
      writeFileSync(
        join(broken, 'main.ts'),
        main.replace(
          'app.synth();',
          "new BuildVm(fleet, 'alpha', standard);\nnew BuildVm(fleet, 'C', standard);\napp.synth();",
        ),
      );
      const failure = await synth(broken).then(
        () => undefined,
        (error: unknown) => error as { readonly stderr: string; readonly exitCode: number },
      );
      expect(failure?.exitCode).toBe(1);
      expect(failure?.stderr).toMatch(
        /^2 things are wrong with the fleet:\n {2}- fleet\/alpha~2: .*\n {2}- fleet\/C: .*\n$/,
      );
    },
    MINUTE,
  );
});

describeWithTools(['cloud-init'], 'the rendered seeds', () => {
  test.each(readdirSync(join(REPOSITORY, 'rendered/fleet/vms')))('%s is a valid cloud-config', async (vm) => {
    const file = join(REPOSITORY, 'rendered/fleet/vms', vm, 'user-data');
    const { stdout } = await run('cloud-init', ['schema', '--config-file', file]);
    expect(stdout).toContain('Valid');
  });
});
