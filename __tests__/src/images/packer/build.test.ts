import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HaskellBuildImage } from '../../../../constructs/haskell-build-image';
import type { UbuntuImageProps } from '../../../../constructs/private/ubuntu-image';
import { definitionHash, parseImageDefinition } from '../../../../src/model/image-definition';
import { CommandError, type Run } from '../../../../src/process/run';
import { buildPackerImage } from '../../../../src/images/packer/build';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { TestFleet } from '../../../support/test-fleet';

let root: string;
let work: string;
/** What the fake Packer was called with. */
let calls: string[][];
/** Files of its working directory, and what was in them. */
let seen: Map<string, string>;
let version: string;
/** Files that it writes below `output/`. */
let output: string[];
/** What it fails with. */
let failure: string | undefined;
/** What `packer init` fails with. */
let initFailure: string | undefined;
/** Paths that `packer plugins installed` lists. */
let plugins: string[];

beforeEach(() => {
  root = temporaryDirectory();
  work = join(root, 'work');
  mkdirSync(work);
  calls = [];
  seen = new Map();
  version = '1.6.6';
  output = ['qemu/haskell-build.qcow2', 'manifest.json'];
  failure = undefined;
  initFailure = undefined;
  plugins = [];
});
/** Stands in for Packer, the tools around it, and what they write. */
const fakeTools: Run = (file, args, options) => {
  const [program = '', ...words] = file === 'setpriv' ? args.slice(2) : [file, ...args];
  calls.push([program, ...words]);
  const done = (stdout = '') => Promise.resolve({ stdout, stderr: '', exitCode: 0 });
  if (program === 'packer' && words[0] === '--version') return done(`${version}\n`);
  if (program === 'packer' && words[0] === 'init' && initFailure !== undefined) {
    return Promise.reject(new CommandError('failed', 'packer init', initFailure, '', 1, undefined, false, undefined));
  }
  if (program === 'packer' && words[0] === 'plugins') return done(plugins.map((path) => `${path}\n`).join(''));
  if (program === 'ssh-keygen') {
    const key = words.at(-1) ?? '';
    writeFileSync(key, 'private');
    writeFileSync(`${key}.pub`, `ssh-ed25519 ${'A'.repeat(68)} image-build\n`);
  }
  if (program === 'packer' && words[0] === 'build') {
    for (const name of ['build.pkrvars.json', 'files/cloud-init/user-data'])
      seen.set(name, readFileSync(join(options?.cwd ?? '', name), 'utf8'));
    seen.set('entries', readdirSync(options?.cwd ?? '').join(' '));
    expect(statSync(options?.env?.['TMPDIR'] ?? '').isDirectory()).toBe(true);
    expect((options?.env?.['TMPDIR'] ?? '').length).toBeLessThan(80);
    if (failure !== undefined) {
      return Promise.reject(new CommandError(failure, 'packer build', failure, '', 1, undefined, false, undefined));
    }
    for (const name of output) {
      mkdirSync(dirname(join(work, 'output', name)), { recursive: true });
      writeFileSync(join(work, 'output', name), 'content');
    }
  }
  if (program === 'qemu-img') writeFileSync(words.at(-1) ?? '', 'compressed');
  return done('1\n');
};

/** An image as a fleet declares it, with its files written beside its definition. */
function declared(props: UbuntuImageProps) {
  const image = HaskellBuildImage.ubuntu(new TestFleet().stack, 'ubuntu', props);
  const files = new Map(image.renderFiles().map(({ path, content }) => [path.replace('ubuntu/', ''), content]));
  for (const [path, content] of files) {
    mkdirSync(dirname(join(root, 'assets', path)), { recursive: true });
    writeFileSync(join(root, 'assets', path), content);
  }
  return parseImageDefinition(JSON.parse(files.get('definition.json') ?? ''));
}

function build(props: UbuntuImageProps = { builder: 'qemu' }, accelerator?: 'kvm') {
  const definition = declared(props);
  const built = buildPackerImage({
    ...{ definition, assetsDirectory: join(root, 'assets'), workDirectory: work, run: fakeTools, accelerator },
    ...{ signal: new AbortController().signal, progress: () => undefined, downloadDirectory: join(root, 'downloads') },
  });
  return { definition, built };
}

const variables = () => JSON.parse(seen.get('build.pkrvars.json') ?? '') as Record<string, unknown>;

test('what is made for one build reaches Packer, and stays in the work directory', async () => {
  const { definition, built } = build();
  expect(readFileSync((await built).path, 'utf8')).toBe('compressed');
  expect(variables()).toMatchObject({
    definition_hash: definitionHash(definition),
    ssh_private_key_file: join(work, 'build-key'),
    output_directory: join(work, 'output'),
    toolchain: 'ghcup',
  });
  expect(seen.get('files/cloud-init/user-data')).toContain(`ssh-ed25519 ${'A'.repeat(68)} image-build`);
  expect(readFileSync(join(root, 'assets/files/cloud-init/user-data'), 'utf8')).not.toContain('AAAA');
  expect(calls.find(([program, verb]) => program === 'packer' && verb === 'build')).toContain(
    '-only=qemu.haskell-build',
  );
});

test('one more GHC is one more version in the declaration', () => {
  const { toolchain } = declared({ secondaryGhc: ['9.6.6', '9.4.8'] });
  expect(toolchain).toMatchObject({ ghc: '9.8.4', secondaryGhc: ['9.6.6', '9.4.8'] });
  expect(readFileSync(join(root, 'assets/haskell-build.pkr.hcl'), 'utf8')).toContain('GHC_SECONDARY_VERSION=9.4.8');
});

test.each([
  [undefined, 'tcg', [['-cpu', 'qemu64,-cx16']]],
  ['kvm' as const, 'kvm', [['-cpu', 'host']]],
])('where KVM is %s, QEMU is told to use %s', async (proven, accelerator, qemu) => {
  await build({ builder: 'qemu' }, proven).built;
  expect(variables()).toMatchObject({ accelerator, qemu_arguments: qemu });
});

test("the image's own variables come last, so that they count", async () => {
  await build({ builder: 'qemu', variables: { accelerator: 'kvm', ssh_timeout: '2h' } }).built;
  const words = calls.find(([program, verb]) => program === 'packer' && verb === 'build') ?? [];
  expect(words.slice(words.indexOf('-var-file=build.pkrvars.json') + 1)).toEqual([
    ...['-var', 'accelerator=kvm', '-var', 'ssh_timeout=2h', '.'],
  ]);
});

test.each([
  ['1.6.6', false],
  ['Packer v1.11.2', true],
])('Packer %s is given its plugins: %s', async (found, takes) => {
  version = found;
  await build().built;
  expect(seen.get('entries')?.includes('plugins.pkr.hcl')).toBe(takes);
  expect(calls.some(([program, verb]) => program === 'packer' && verb === 'init')).toBe(takes);
});

test('an appliance is taken as VirtualBox exported it', async () => {
  output = ['virtualbox/haskell-build-20260101.ova'];
  const disk = await build({ builder: 'virtualbox' }).built;
  expect([disk.path, readFileSync(disk.path, 'utf8')]).toEqual([join(work, 'disk.ova'), 'content']);
});

test('an end without a disk is an error, and not an empty image', async () => {
  output = ['manifest.json'];
  await expect(build().built).rejects.toMatchObject({ code: 'packer-output' });
});

test.each([
  ['Build errored: error downloading ISO: [bad response code: 404]', 'installer-unreachable'],
  ['error downloading ISO: Checksums did not match for /x.\nExpected: 1\nGot: 2', 'installer-altered'],
  ['Error connecting to VNC: dial tcp 127.0.0.1:5948: connect: connection refused', 'installer-console'],
  ['Timeout waiting for SSH.', 'installation-timeout'],
  ['Could not access KVM kernel module: No such file', 'kvm-unusable'],
  ['write /x: no space left on device'.replace('no', 'No'), 'disk-full'],
  ['Error: Undefined -var variable\n\nA "nope" variable was passed in the command line', 'packer-variables'],
  ['Error: Invalid value for cmd variable\n\nThe variable memory must be 512 or more.', 'packer-variables'],
  ["The received arg value for memory is not compatible with the variable's type", 'packer-variables'],
  ['Error: Variables not allowed\n\n  on <value for var.packages from arguments> line 1:', 'packer-variables'],
  ['The source virtualbox-iso is unknown by Packer, and is likely part of a plugin', 'packer-plugins'],
  ['Error: something else', 'image-build-failed'],
])('%j is explained', async (said, code) => {
  failure = said;
  await expect(build().built).rejects.toMatchObject({ code, place: 'image ubuntu' });
});

test.each([
  [
    'Failed getting the "github.com/hashicorp/qemu" plugin:\n1 error occurred:\n\t* Get "https://releases.example": dial tcp: lookup releases.example: no such host',
    'packer-plugins-unreachable',
  ],
  ['could not get sha256 checksum file: 403 API rate limit exceeded', 'packer-plugins-unreachable'],
  ['Checksums did not match for /x', 'packer-plugin-altered'],
  ['no release version found for constraints: "= 9.9.9"', 'packer-plugins'],
  ['Error: Unsupported Packer Core version', 'packer-too-old'],
  ['something else', 'packer-plugins'],
])('the failure of packer init %j is explained, and never as one of the installer', async (said, code) => {
  version = '1.11.2';
  initFailure = said;
  await expect(build().built).rejects.toMatchObject({ code, place: 'image ubuntu' });
});

describe('a plugin with a declared sha256', () => {
  const content = 'the plugin';
  const sha256 = createHash('sha256').update(content).digest('hex');
  const file = () => join(root, 'packer-plugin-qemu_v1.1.4_x5.0_linux_amd64');
  const declaring = (sum: string) =>
    build({ builder: 'qemu', plugins: { qemu: { version: '1.1.4', sha256: sum } } }).built;

  beforeEach(() => {
    version = '1.11.2';
    writeFileSync(file(), content);
    plugins = [file(), join(root, 'packer-plugin-qemu_v1.1.3_x5.0_linux_amd64')];
  });

  test('runs the build when its program has it, and is in the manifest', async () => {
    expect((await declaring(sha256)).tools).toMatchObject({ 'packer-plugin-qemu': `1.1.4 sha256:${sha256}` });
  });

  test('is in the manifest where none is declared, so that it can be', async () => {
    expect((await build().built).tools).toMatchObject({ 'packer-plugin-qemu': `1.1.4 sha256:${sha256}` });
  });

  test('is refused when its program has another, before the build', async () => {
    await expect(declaring('0'.repeat(64))).rejects.toMatchObject({
      code: 'packer-plugin-altered',
      received: `"${sha256}"`,
    });
    expect(calls.some(([program, verb]) => program === 'packer' && verb === 'build')).toBe(false);
  });

  test('is refused when Packer lists none of the version', async () => {
    plugins = plugins.slice(1);
    await expect(declaring(sha256)).rejects.toMatchObject({ code: 'packer-plugin-altered' });
  });
});

describe('variables of the image', () => {
  const problems = (variables: Readonly<Record<string, string>>) => {
    const fleet = new TestFleet();
    HaskellBuildImage.ubuntu(fleet.stack, 'ubuntu', { builder: 'qemu', variables });
    return fleet.stack.node
      .findAll()
      .flatMap((node) => node.node.validate())
      .filter((text) => text.includes('Packer template'));
  };

  test.each([
    ['memroy', '4096', /no such variable \(received "memroy"\): use one of: .*\bmemory\b/],
    ['constructor', 'x', /no such variable/],
    ['memory', 'lots', /memory of the Packer template must be a number \(received "lots"\)/],
    ['memory', '100', /must be 512 or more/],
    ['headless', 'yes', /must be a boolean/],
    ['packages', 'jq', /must be a list of texts/],
    ['qemu_arguments', '["-cpu"]', /must be a list of lists of texts/],
    ['boot_wait', '5', /must be a time with its unit/],
    ['accelerator', 'xen', /must be one of: kvm, tcg/],
  ])('%s = %j is refused at synth', (name, value, message) => {
    expect(problems({ [name]: value })).toEqual([expect.stringMatching(message)]);
  });

  test('those that fit pass', () => {
    const fitting = {
      memory: '1024',
      headless: 'false',
      packages: '[]',
      qemu_arguments: '[["-cpu", "host"]]',
      sudo: '',
    };
    expect(problems(fitting)).toEqual([]);
  });
});
