import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ghcup } from '../../../constructs/ghcup';
import { FleetError, isFleetError } from '../../../src/model/errors';
import { CommandError, type Run } from '../../../src/process/run';
import type { ImageBuildRequest } from '../../../src/images/builder';
import { buildDebianImage, DEBIAN_KEYRING } from '../../../src/images/debian-image';
import { temporaryDirectory } from '../../support/temporary-directory';
import { writeDefinition } from './support';

// A machine without Debian's keyring answers with another error, which the last test is about.
const withKeyring = existsSync(DEBIAN_KEYRING) ? test : test.skip;

let root: string;
let work: string;
let assets: string;

beforeEach(() => {
  root = temporaryDirectory();
  [work, assets] = [join(root, 'work'), join(root, 'assets')];
  mkdirSync(work);
});

interface Recorded {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Stands in for the tools: writes what the hooks would, and remembers how it was called. */
function fakeTools(calls: Recorded[], answer: (argv: readonly string[]) => void = () => undefined): Run {
  return (file, args, options = {}) => {
    const argv = [file, ...args];
    const env = options.env ?? {};
    calls.push({ argv, env });
    answer(argv);
    const out = env['BUILDFLEET_OUT'];
    if (out !== undefined) {
      writeFileSync(join(out, 'boot.img'), Buffer.alloc(512, 1));
      writeFileSync(join(out, 'core.img'), Buffer.alloc(512, 2));
      writeFileSync(join(out, 'packages'), 'ghc 9.6.6-4\nlibc6:amd64 2.41-12\n');
      writeFileSync(join(out, 'releases'), 'x_InRelease 1234\n');
      options.onLine?.('I: running apt-get update...');
      options.onLine?.('buildfleet: file system written');
    }
    if (argv.includes('convert')) writeFileSync(argv.at(-1)!, 'disk');
    return Promise.resolve({ stdout: `${file} 1.2.3\nmore`, stderr: '', exitCode: 0 });
  };
}

function request(run: Run, changes: Partial<ImageBuildRequest> = {}, definition: object = {}): ImageBuildRequest {
  return {
    definition: writeDefinition(assets, definition),
    assetsDirectory: assets,
    workDirectory: work,
    downloadDirectory: join(root, 'downloads'),
    run,
    signal: new AbortController().signal,
    progress: () => undefined,
    ...changes,
  };
}

function failure(stderr: string, code?: string): CommandError {
  return new CommandError(
    'failed',
    'mmdebstrap x',
    '',
    stderr,
    code === undefined ? 1 : undefined,
    code,
    false,
    undefined,
  );
}

async function refusal(run: Run, changes: Partial<ImageBuildRequest> = {}): Promise<FleetError> {
  const error: unknown = await buildDebianImage(request(run, changes)).catch((caught: unknown) => caught);
  if (isFleetError(error)) return error;
  throw error;
}

withKeyring('the tools are called with what the definition says', async () => {
  const calls: Recorded[] = [];
  const mirror = {
    kind: 'debian',
    suite: 'trixie',
    architecture: 'amd64',
    mirror: 'http://mirror.example/debian/',
    snapshot: '20250520T000000Z',
  };
  const steps: string[] = [];
  const built = await buildDebianImage(
    request(
      fakeTools(calls),
      { progress: (step, detail) => steps.push(`${step} ${detail ?? ''}`.trim()) },
      { base: mirror, packages: ['jq'] },
    ),
  );
  const bootstrap = calls.find(({ argv }) => argv.includes('--format=null'))!;
  expect(bootstrap.argv.slice(0, 6)).toEqual(['setpriv', '--pdeathsig', 'TERM', 'timeout', '--kill-after=4', '2h']);
  expect(bootstrap.argv).toContain(`--keyring=${DEBIAN_KEYRING}`);
  expect(bootstrap.argv.find((word) => word.startsWith('--include='))).toMatch(/=(.*,)?cabal-install,.*ghc,.*jq,/);
  expect(bootstrap.argv.slice(-3)).toEqual([
    'trixie',
    '-',
    'deb http://mirror.example/debian/20250520T000000Z trixie main',
  ]);
  expect(bootstrap.env).toMatchObject({
    TZ: 'UTC',
    GHC_PRIMARY_VERSION: '9.6.6',
    BUILD_LOCALE: 'en_US.UTF-8',
    BUILDFLEET_DISK_MIB: '40960',
  });
  expect(bootstrap.env['BUILDFLEET_ROOT_UUID']).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  // A process that knows this directory can write the disk, and an argv is public.
  expect(bootstrap.argv.join(' ')).not.toContain(bootstrap.env['BUILDFLEET_OUT']);
  expect(built.packages).toEqual({ ghc: '9.6.6-4', 'libc6:amd64': '2.41-12' });
  expect(built.releases).toEqual({ x_InRelease: '1234' });
  expect(built.tools).toEqual({ mmdebstrap: 'mmdebstrap 1.2.3', 'qemu-img': 'qemu-img 1.2.3' });
  expect(readFileSync(built.path, 'utf8')).toBe('disk');
  expect(steps).toEqual([
    'installing packages',
    'installing packages running apt-get update...',
    'compressing the disk',
  ]);
  expect(readdirSync(work)).toEqual(['disk.qcow2']);
});

withKeyring('compilers of GHCup are named to the scripts, and what was downloaded is lent and kept', async () => {
  const calls: Recorded[] = [];
  const kept = join(root, 'downloads/ghcup');
  mkdirSync(kept, { recursive: true });
  writeFileSync(join(kept, 'ghc-9.6.6.tar.xz'), 'old', { mode: 0o600 });
  writeFileSync(join(kept, '.partial'), 'half');
  const tools = fakeTools(calls);
  const run: Run = async (file, args, options = {}) => {
    const out = options.env?.['BUILDFLEET_OUT'];
    if (out !== undefined) {
      const lent = join(options.env?.['BUILDFLEET_STAGE'] ?? '', 'downloads');
      expect(readdirSync(lent)).toEqual(['ghc-9.6.6.tar.xz']);
      expect(statSync(join(lent, 'ghc-9.6.6.tar.xz')).mode & 0o777).toBe(0o644);
      writeFileSync(join(out, 'downloads/ghc-9.8.4.tar.xz'), 'new');
    }
    return await tools(file, args, options);
  };
  const toolchain = ghcup({
    ghc: ['9.8.4', '9.6.6', '9.4.8'],
    mirror: { programs: 'https://mirror.example/ghcup', keys: ['A'.repeat(40), 'B'.repeat(40)] },
  });
  await buildDebianImage(request(run, {}, { toolchain }));
  const { argv, env } = calls.find(({ argv }) => argv.includes('--format=null'))!;
  expect(env).toMatchObject({
    TOOLCHAIN: 'ghcup',
    GHC_PRIMARY_VERSION: '9.8.4',
    GHC_SECONDARY_VERSION: '9.6.6 9.4.8',
    CABAL_VERSION: '3.12.1.0',
    GHCUP_VERSION: '0.2.6.2',
    GHCUP_BASE_URL: 'https://mirror.example/ghcup',
    GHCUP_KEYS: `${'A'.repeat(40)} ${'B'.repeat(40)}`,
  });
  for (const name of env['BUILDFLEET_SCRIPT_VARIABLES']!.split(' ')) expect(env[name]).toMatch(/./);
  expect(env).not.toHaveProperty('GHCUP_METADATA_URL');
  const include = argv
    .find((word) => word.startsWith('--include='))!
    .slice('--include='.length)
    .split(',');
  expect(include).toEqual(expect.arrayContaining(['build-essential', 'curl', 'gpg', 'libgmp-dev', 'xz-utils']));
  expect(include).not.toContain('ghc');
  expect(include).not.toContain('cabal-install');
  expect(readdirSync(kept).sort()).toEqual(['.partial', 'ghc-9.6.6.tar.xz', 'ghc-9.8.4.tar.xz']);
});

withKeyring('only listed assets reach the build, readable for its user under any umask', async () => {
  const umask = process.umask(0o077);
  try {
    let staged: string[] = [];
    const run = fakeTools([], (argv) => {
      const hook = argv.find((word) => word.startsWith('--setup-hook='))?.slice('--setup-hook='.length);
      if (hook === undefined) return;
      const stage = join(hook, '../../../..');
      staged = readdirSync(join(stage, 'assets'), { recursive: true, encoding: 'utf8' });
      expect(statSync(hook).mode & 0o777).toBe(0o755);
      expect(statSync(join(stage, 'assets/debian/files/grub.cfg')).mode & 0o777).toBe(0o644);
      expect(statSync(join(stage, 'assets/debian')).mode & 0o777).toBe(0o755);
      expect(statSync(stage).mode & 0o777).toBe(0o711);
      expect(readFileSync(join(stage, 'scripts'), 'utf8')).toBe('scripts/one.sh\n');
    });
    const built = request(run);
    writeFileSync(join(assets, 'not-listed'), '');
    await buildDebianImage(built);
    expect(staged).toContain('scripts/one.sh');
    expect(staged).not.toContain('not-listed');
  } finally {
    process.umask(umask);
  }
});

withKeyring.each([
  ['E: Failed to fetch http://x  Could not connect to x:80', 'mirror-unreachable', 'mirror'],
  ['W: Failed to fetch http://x  Temporary failure resolving x', 'mirror-unreachable', 'network'],
  ['E: The repository http://x is not signed.', 'mirror-not-trusted', 'debian-archive-keyring'],
  ['E: Unable to locate package qwertz', 'package-unknown', 'packages'],
  ['tar: write error: No space left on device', 'disk-full', 'free'],
  ['E: cannot find newuidmap', 'user-namespaces-unavailable', 'uidmap'],
  [
    'install-haskell: https://x/ghcup has the checksum 0 instead of 1: it is not used\nE: run_chroot failed',
    'ghcup-failed',
    'mirror',
  ],
  ['install-haskell: GHCup cannot install ghc 9.99.1: what it said stands above', 'ghcup-failed', 'these versions'],
  [
    'curl: (6) Could not resolve host: x\ninstall-haskell: https://x/ghcup cannot be downloaded, curl’s last code is 6',
    'ghcup-failed',
    'reaches',
  ],
  ['E: something new', 'image-build-failed', 'correct'],
])('%s', async (stderr, code, remedy) => {
  const error = await refusal(
    fakeTools([], (argv) => {
      if (argv.includes('--format=null')) throw failure(stderr);
    }),
  );
  expect(error.code).toBe(code);
  expect(error.problem).toContain(stderr.split('\n').find((line) => code !== 'ghcup-failed' || /^install/.test(line)));
  expect(error.remedy).toContain(remedy);
  expect(readdirSync(work)).toEqual([]);
});

withKeyring('a missing program is named with its package', async () => {
  const run: Run = (file) =>
    Promise.reject(new CommandError('x', `${file} --version`, '', '', undefined, 'ENOENT', false, undefined));
  expect(await refusal(run)).toMatchObject({ code: 'program-missing', remedy: 'apt-get install mmdebstrap' });
});

withKeyring('an asset that is missing or altered ends the build before it begins', async () => {
  const calls: Recorded[] = [];
  const altered = request(fakeTools(calls));
  writeFileSync(join(assets, 'scripts/one.sh'), 'something else');
  await expect(buildDebianImage(altered)).rejects.toMatchObject({
    code: 'image-asset-altered',
    place: join(assets, 'scripts/one.sh'),
  });
  rmSync(join(assets, 'scripts/one.sh'));
  await expect(buildDebianImage(altered)).rejects.toMatchObject({ code: 'image-asset-missing' });
  await expect(buildDebianImage(request(fakeTools(calls), {}, { files: [] }))).rejects.toMatchObject({
    code: 'image-asset-missing',
  });
  expect(calls.some(({ argv }) => argv.includes('--format=null'))).toBe(false);
});

withKeyring('a cancelled build is not explained away', async () => {
  const abort = new AbortController();
  const run = fakeTools([], (argv) => {
    if (!argv.includes('--format=null')) return;
    abort.abort();
    throw failure('No space left on device');
  });
  await expect(buildDebianImage(request(run, { signal: abort.signal }))).rejects.toBeInstanceOf(CommandError);
  expect(readdirSync(work)).toEqual([]);
});
