import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FLEET_SOURCE } from '../../../src/programs/place-provider';
import { findBlockingCliConfig } from '../../../src/programs/terraform-cli-config';
import { describeWithTools } from '../../support/tools';
import { TerraformProject } from './support/terraform-project';

jest.setTimeout(120_000);

const SMOKE = {
  provider: 'buildfleet',
  triggers: { vm: 'one' },
  provisioner: [{ 'local-exec': { command: 'echo ran >> ran.txt' } }],
};

describeWithTools(['terraform'], 'the placed provider', () => {
  let project: TerraformProject;
  beforeEach(() => {
    project = new TerraformProject();
  });

  const runs = () => readFileSync(join(project.directory, 'ran.txt'), 'utf8').trim().split('\n').length;

  test('null_resource keeps the contract of the null provider: triggers replace, provisioners run once', async () => {
    project.configure({ null_resource: { smoke: SMOKE } });
    const lock = readFileSync(join(project.directory, '.terraform.lock.hcl'), 'utf8');
    await project.terraform(['init']);
    expect(readFileSync(join(project.directory, '.terraform.lock.hcl'), 'utf8')).toBe(lock);
    await project.apply();
    expect(runs()).toBe(1);
    const before = (await project.state())['null_resource.smoke']!.values;
    expect(before['id']).toMatch(/^\d+$/);
    expect((await project.plan()).exitCode).toBe(0);

    project.configure({ null_resource: { smoke: { ...SMOKE, triggers: { vm: 'two' } } } });
    expect((await project.plan()).text).toContain('# forces replacement');
    await project.apply();
    expect(runs()).toBe(2);
    const after = (await project.state())['null_resource.smoke']!.values;
    expect(after['id']).not.toBe(before['id']);

    await project.terraform(['state', 'rm', 'null_resource.smoke']);
    await project.terraform(['import', 'null_resource.smoke', '4711']);
    expect((await project.state())['null_resource.smoke']!.values['id']).toBe('4711');
  });

  test('the rest of its contract: null among the triggers, and its data source', async () => {
    project.configure({ null_resource: { smoke: { provider: 'buildfleet', triggers: { vm: 'one', none: null } } } });
    const provider = 'buildfleet';
    project.configureData(
      {
        null_data_source: {
          values: { provider, inputs: { a: '1', none: null } },
          odd: { provider, has_computed_default: 'x' },
        },
      },
      {
        copied: '${data.null_data_source.values.outputs.a}',
        id: '${data.null_data_source.values.id}',
        random: '${data.null_data_source.values.random}',
        defaulted:
          '${data.null_data_source.values.has_computed_default}${data.null_data_source.odd.has_computed_default}',
      },
    );
    await project.terraform(['init']);
    await project.apply();
    expect((await project.state())['null_resource.smoke']!.values['triggers']).toEqual({ vm: 'one', none: null });
    const outputs = JSON.parse((await project.terraform(['output', '-json'])).stdout) as Record<
      string,
      { value: string }
    >;
    expect(outputs).toMatchObject({
      copied: { value: '1' },
      id: { value: 'static' },
      defaulted: { value: 'defaultx' },
    });
    expect(outputs['random']?.value).toMatch(/^\d+$/);
  });

  test('what Terraform does not check is refused before anything is planned', async () => {
    const directory = 'tunnels';
    project.configure({
      buildfleet_managed_files: { tunnels: { directory, files: null } },
      buildfleet_managed_file: { note: { path: '/tmp/note', content: 'x', mode: '0644', block: null } },
      buildfleet_capability: {
        type: {
          hub_url: 'ftp://hub',
          domain: 'd',
          capability_type: 't',
          title: 'T',
          description: '',
          keywords: [],
          id: 'mine',
        },
      },
    });
    await project.terraform(['init']);
    const { stdout } = await project.terraform(['validate', '-no-color', '-json'], { acceptExitCodes: [1] });
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: { summary: string }[] };
    expect(diagnostics.map(({ summary }) => summary).sort()).toEqual([
      'directory: must be absolute or begin with ~/',
      'files: must not be null',
      'hub_url: must be an http:// or https:// URL',
      'id: cannot be set, the provider does',
    ]);
  });

  test.each([
    ['no fleet', { fleet: null }, /fleet: must not be null|argument "fleet" is required/i],
    ['a relative directory', { fleet: 'test', state_directory: 'state' }, /state_directory: must be absolute/],
  ])('a provider block with %s is refused', async (_, provider, words) => {
    project.configure({ null_resource: { smoke: SMOKE } }, provider);
    await project.terraform(['init']);
    expect((await project.plan()).text).toMatch(words);
  });

  test('the files of a directory are imported by their names, and the rest of it is left alone', async () => {
    const directory = join(project.root, 'tunnels');
    mkdirSync(directory);
    writeFileSync(join(directory, 'foreign.yml'), 'mine');
    const files = { 'alpha.yml': 'alpha.yml\n', 'beta.yml': 'beta.yml\n' };
    project.configure(
      { buildfleet_managed_files: { tunnels: { directory, files, mode: '0644' } } },
      { fleet: 'test', state_directory: join(project.root, 'state') },
    );
    await project.terraform(['init']);
    await project.apply();
    const address = 'buildfleet_managed_files.tunnels';
    await project.terraform(['state', 'rm', address]);
    for (const [id, words] of [
      ['tunnels', 'this names no files of a directory'],
      [`${directory}/`, 'this names no files of a directory'],
      [`${directory}/alpha.yml,gamma.yml`, 'there is no such file'],
    ] as const) {
      const refused = await project.terraform(['import', '-no-color', address, id], { acceptExitCodes: [1] });
      expect(refused.stderr).toContain(words);
    }
    await project.terraform(['import', address, `${directory}/alpha.yml,beta.yml`]);
    expect((await project.plan()).exitCode).toBe(0);
    await project.terraform(['destroy', '-auto-approve']);
    expect(readdirSync(directory)).toEqual(['foreign.yml']);
  });

  const long = (below: string) => join(below, 'x'.repeat(120));
  test.each([
    ['TMPDIR is missing', (root: string) => ({ TMPDIR: join(root, 'missing') })],
    ['TMPDIR is too long for a socket', (root: string) => ({ TMPDIR: long(root) })],
    ['XDG_RUNTIME_DIR is too long for one', (root: string) => ({ XDG_RUNTIME_DIR: long(root) })],
    ['PLUGIN_UNIX_SOCKET_DIR is too long for one', (root: string) => ({ PLUGIN_UNIX_SOCKET_DIR: long(root) })],
    ['PLUGIN_UNIX_SOCKET_DIR is missing', (root: string) => ({ PLUGIN_UNIX_SOCKET_DIR: join(root, 'missing') })],
    [
      'all are too long, and the home directory is, too',
      (root: string) => ({ TMPDIR: long(root), XDG_RUNTIME_DIR: long(root), HOME: long(root) }),
    ],
  ])('Terraform reaches the provider where %s', async (_, environment) => {
    mkdirSync(long(project.root), { mode: 0o700 });
    project.configure({ null_resource: { smoke: SMOKE } });
    await project.terraform(['init']);
    const { stdout } = await project.terraform(['validate', '-json'], { env: environment(project.root) });
    expect(JSON.parse(stdout)).toMatchObject({ valid: true });
  });

  test('without its code the provider says what is missing', async () => {
    project.configure({ null_resource: { smoke: SMOKE } });
    await project.terraform(['init']);
    rmSync(join(project.directory, 'provider'), { recursive: true });
    expect((await project.plan()).text).toMatch(/the provider's code is missing: provider\/main\.js .*Run cdktf synth/);
  });

  test('a code cache that is damaged or cannot be written does no harm', async () => {
    project.configure({ null_resource: { smoke: SMOKE } });
    await project.terraform(['init']);
    await project.apply();
    const provider = join(project.directory, 'provider');
    const cache = readdirSync(provider).find((name) => name.endsWith('.code'))!;
    writeFileSync(join(provider, cache), 'no cache');
    expect((await project.plan()).exitCode).toBe(0);
    rmSync(join(provider, cache));
    mkdirSync(join(provider, cache));
    expect((await project.plan()).exitCode).toBe(0);
  });

  test('a plugin cache that another project left broken is not touched and not needed', async () => {
    const cache = join(project.root, 'plugin-cache');
    const own = join(cache, FLEET_SOURCE.source, FLEET_SOURCE.version);
    mkdirSync(own, { recursive: true });
    symlinkSync('/nonexistent/gone', join(own, 'linux_amd64'));
    project.configure({ null_resource: { smoke: SMOKE } });
    await project.terraform(['init'], { env: { TF_PLUGIN_CACHE_DIR: cache } });
    expect((await project.plan()).exitCode).toBe(2);
    expect(existsSync(join(own, 'linux_amd64'))).toBe(false);
  });

  test('what is said to block the provider really does, and the remedy helps', async () => {
    const file = join(project.root, 'terraformrc');
    const environment = { TF_CLI_CONFIG_FILE: file };
    project.configure({ null_resource: { smoke: SMOKE } });
    writeFileSync(file, 'provider_installation {\n  direct {}\n}\n');
    expect(findBlockingCliConfig(environment, '/nonexistent')?.place).toBe(file);
    await expect(project.terraform(['init'], { env: environment })).rejects.toThrow('Failed to query available');

    writeFileSync(
      file,
      'provider_installation {\n' +
        '  filesystem_mirror {\n    path = "terraform.d/plugins"\n    include = ["buildfleet.local/*/*"]\n  }\n' +
        '  direct {\n    exclude = ["buildfleet.local/*/*"]\n  }\n}\n',
    );
    expect(findBlockingCliConfig(environment, '/nonexistent')).toBeNull();
    await project.terraform(['init'], { env: environment });
  });
});
