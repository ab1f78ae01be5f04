import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_GHCUP_TOOLCHAIN } from '../../../src/model/image-definition';
import { run } from '../../../src/process/run';
import { ASSETS } from '../../../src/rendering/assets';
import { PACKER_PLUGINS_FILE, renderPackerPlugins } from '../../../src/images/packer/plugins';
import { PACKER_TEMPLATE_FILE, renderPackerTemplate } from '../../../src/images/packer/template';
import { ubuntuDefinition } from '../../src/images/packer/support/ubuntu-definition';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';

const SOURCES = ['qemu.haskell-build', 'virtualbox-iso.haskell-build'];
const LIMIT = 120_000;

describeWithTools(['packer', 'ssh-keygen'], 'the template before packer', () => {
  let directory: string;
  let template: string;
  beforeAll(async () => {
    directory = temporaryDirectory('buildfleet packer-');
    template = join(directory, PACKER_TEMPLATE_FILE);
    cpSync(join(ASSETS, 'haskell'), directory, { recursive: true });
    for (const file of ['user-data', 'meta-data']) writeFileSync(join(directory, file), '');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, 'key')]);
  });
  beforeEach(() => {
    writeFileSync(template, renderPackerTemplate(ubuntuDefinition()));
  });
  /** What packer says against the template; called from elsewhere, because paths are relative to the template. */
  async function complaints(source: string, variables: Readonly<Record<string, string>>): Promise<string> {
    const options = Object.entries(variables).flatMap(([name, value]) => ['-var', `${name}=${value}`]);
    const { stdout, stderr, exitCode } = await run('packer', ['validate', `-only=${source}`, ...options, template], {
      cwd: '/',
      env: { CHECKPOINT_DISABLE: '1', PACKER_CACHE_DIR: join(directory, 'cache') },
      acceptExitCodes: [0, 1],
    });
    return exitCode === 0 ? '' : stdout + stderr;
  }
  const madeForOneBuild = () => ({
    ssh_private_key_file: join(directory, 'key'),
    definition_hash: 'c0ffee'.padEnd(64, '0'),
    source_date_epoch: '1700000000',
  });
  const buildVariables = () => ({
    ...madeForOneBuild(),
    seed_files: JSON.stringify([join(directory, 'user-data'), join(directory, 'meta-data')]),
  });
  // What points the template at a disk that boots by itself, on a machine without KVM.
  const diskVariables = () => ({
    ...madeForOneBuild(),
    seed_files: '[]',
    boot_command: '[]',
    boot_wait: '-1s',
    disk_image: 'true',
    iso_urls: '["/disk.qcow2"]',
    iso_checksum: 'none',
    disk_size: '5120',
    disk_compression: 'false',
    accelerator: 'tcg',
    qemu_arguments: '[["-cpu", "qemu64,-cx16"]]',
    packages: '[]',
    environment: '["http_proxy=http://proxy.example:3128"]',
    toolchain: 'distribution',
    ssh_username: 'root',
    headless: 'true',
    output_directory: join(directory, 'output'),
  });

  test.each(SOURCES)(
    '%s is valid with what a build gives it',
    async (source) => {
      expect(await complaints(source, buildVariables())).toBe('');
    },
    LIMIT,
  );

  test(
    'with further GHCs and overlays it is valid and as packer fmt wants it',
    async () => {
      const overlay = { path: 'overlays/etc/motd', target: '/etc/motd', mode: '0644', sha256: 'a'.repeat(64) };
      const toolchain = { ...DEFAULT_GHCUP_TOOLCHAIN, secondaryGhc: ['9.6.6', '9.4.8'] };
      mkdirSync(join(directory, 'overlays'));
      writeFileSync(template, renderPackerTemplate(ubuntuDefinition({ toolchain, overlays: [overlay] })));
      expect(await complaints('qemu.haskell-build', buildVariables())).toBe('');
      expect((await run('packer', ['fmt', '-check', '-diff', template])).stdout).toBe('');
    },
    LIMIT,
  );

  test(
    'the qemu source can be pointed at a disk that boots by itself',
    async () => {
      expect(await complaints('qemu.haskell-build', diskVariables())).toBe('');
    },
    LIMIT,
  );

  test(
    'what is made for one build is asked for',
    async () => {
      const text = await complaints('qemu.haskell-build', {});
      for (const name of Object.keys(buildVariables())) expect(text).toContain(`Unset variable "${name}"`);
    },
    LIMIT,
  );

  test.each([
    ['memory', '100', 'The variable memory must be 512 or more.'],
    ['accelerator', 'xen', 'The variable accelerator must be one of: kvm, tcg.'],
    ['boot_wait', '5', 'The variable boot_wait must be a time with its unit'],
    ['iso_urls', '[]', 'The variable iso_urls must be a list of at least one.'],
    ['definition_hash', 'c0ffee', 'The variable definition_hash must be 64 lowercase hexadecimal digits.'],
    ['ghc_secondary_version', 'new', 'The variable ghc_secondary_version must be a version'],
  ])(
    'a value that breaks the rule of %s is refused: %j',
    async (name, value, sentence) => {
      const text = await complaints('qemu.haskell-build', { ...buildVariables(), [name]: value });
      expect(text).toContain(sentence);
      expect(text.match(/The variable \w+ must be/g)).toHaveLength(1);
    },
    LIMIT,
  );

  test(
    'an empty value passes where the rule says so',
    async () => {
      const variables = { ...buildVariables(), ghc_secondary_version: '' };
      expect(await complaints('qemu.haskell-build', variables)).toBe('');
    },
    LIMIT,
  );

  test.each(SOURCES)(
    'packer reads every setting of %s',
    async (source) => {
      const [builder = ''] = source.split('.');
      const [before, settings] = renderPackerTemplate(ubuntuDefinition()).split(`source "${builder}"`) as [
        string,
        string,
      ];
      const misspelt = settings.replace('shutdown_timeout ', 'shutdown_timeuot ');
      writeFileSync(template, `${before}source "${builder}"${misspelt}`);
      expect(await complaints(source, buildVariables())).toContain('shutdown_timeuot');
    },
    LIMIT,
  );

  test(
    'packer fmt leaves both files as they are',
    async () => {
      const plugins = join(directory, PACKER_PLUGINS_FILE);
      writeFileSync(plugins, renderPackerPlugins(ubuntuDefinition()));
      for (const file of [template, plugins]) {
        const { stdout } = await run('packer', ['fmt', '-check', '-diff', file]);
        expect(stdout).toBe('');
      }
      rmSync(plugins);
    },
    LIMIT,
  );
});
