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

beforeEach(() => {
  root = temporaryDirectory();
  work = join(root, 'work');
  mkdirSync(work);
  calls = [];
  seen = new Map();
  version = '1.6.6';
  output = ['qemu/haskell-build.qcow2', 'manifest.json'];
  failure = undefined;
});
/** Stands in for Packer, the tools around it, and what they write. */
const fakeTools: Run = (file, args, options) => {
  const [program = '', ...words] = file === 'setpriv' ? args.slice(2) : [file, ...args];
  calls.push([program, ...words]);
  const done = (stdout = '') => Promise.resolve({ stdout, stderr: '', exitCode: 0 });
  if (program === 'packer' && words[0] === '--version') return done(`${version}\n`);
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
  ['Error: Undefined -var variable', 'packer-variables'],
  ['Error: something else', 'image-build-failed'],
])('%j is explained', async (said, code) => {
  failure = said;
  await expect(build().built).rejects.toMatchObject({ code, place: 'image ubuntu' });
});
