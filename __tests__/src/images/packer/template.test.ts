import { parse } from '@cdktf/hcl2json';
import { FleetError } from '../../../../src/model/errors';
import {
  type PackerTemplateInput,
  renderPackerPlugins,
  renderPackerTemplate,
} from '../../../../src/images/packer/template';
import { PACKER_TEMPLATE } from './support/packer-template';

interface Parsed {
  readonly variable: Readonly<Record<string, [{ readonly default?: unknown; readonly type: string }]>>;
  readonly locals: [{ readonly environment: readonly string[] }];
  readonly source: Readonly<Record<string, Readonly<Record<string, [Readonly<Record<string, unknown>>]>>>>;
  readonly build: [
    { readonly sources: string[]; readonly provisioner: Readonly<Record<string, Readonly<Record<string, unknown>>[]>> },
  ];
}

async function parsed(change: Partial<PackerTemplateInput> = {}): Promise<Parsed> {
  return (await parse('test.hcl', renderPackerTemplate({ ...PACKER_TEMPLATE, ...change }))) as unknown as Parsed;
}

describe('renderPackerTemplate', () => {
  test('writes the whole template', () => {
    expect(renderPackerTemplate(PACKER_TEMPLATE)).toMatchSnapshot();
  });

  test('exposes the agreed variables first, with what the image says', async () => {
    const { variable } = await parsed();
    const defaults = Object.entries(variable).map(([name, [{ default: value }]]) => [name, value]);
    const text = renderPackerTemplate(PACKER_TEMPLATE);
    const order = [...text.matchAll(/^variable "(\w+)"/gm)].map(([, name]) => name);
    expect(order.slice(0, 7)).toEqual([
      'vm_name',
      'disk_size',
      'memory',
      'cpus',
      'ghc_primary_version',
      'ghc_secondary_version',
      'cabal_version',
    ]);
    expect(Object.fromEntries(defaults)).toMatchObject({
      vm_name: 'haskell-build',
      disk_size: 40_960,
      memory: 8192,
      cpus: 4,
      ghc_primary_version: '9.8.4',
      ghc_secondary_version: '9.6.6',
      cabal_version: '3.12.1.0',
    });
  });

  test('leaves without a default what is made for one build, and holds no password', async () => {
    const { variable, source } = await parsed();
    const open = Object.entries(variable).filter(([, [definition]]) => !('default' in definition));
    expect(open.map(([name]) => name).sort()).toEqual([
      'definition_hash',
      'seed_files',
      'source_date_epoch',
      'ssh_private_key_file',
    ]);
    for (const builder of ['qemu', 'virtualbox-iso']) {
      const [settings] = source[builder]!['haskell-build']!;
      expect(settings).toMatchObject({
        ssh_private_key_file: '${var.ssh_private_key_file}',
        ssh_clear_authorized_keys: true,
        ssh_disable_agent_forwarding: true,
        cd_files: '${var.seed_files}',
        cd_label: 'cidata',
      });
      expect(Object.keys(settings)).not.toContain('ssh_password');
    }
  });

  test('runs the scripts in their order after the upload, for both sources', async () => {
    const [{ sources, provisioner }] = (await parsed()).build;
    expect(sources).toEqual(['source.virtualbox-iso.haskell-build', 'source.qemu.haskell-build']);
    expect(provisioner['shell']!.map(({ scripts }) => scripts)).toEqual([
      undefined,
      ['install-haskell', 'install-agent', 'generalize'].map((name) => `\${path.root}/scripts/${name}.sh`),
    ]);
    const text = renderPackerTemplate(PACKER_TEMPLATE);
    expect(text.indexOf('provisioner "file"')).toBeLessThan(text.indexOf('install-haskell.sh'));
  });

  test('names the date in the OVA only when it is exported', async () => {
    const { source } = await parsed();
    const [{ output_filename: name }] = source['virtualbox-iso']!['haskell-build']!;
    expect(name).toBe('${var.vm_name}-${local.export_date}');
    expect(renderPackerTemplate(PACKER_TEMPLATE)).not.toMatch(/\b20\d\d(-\d\d-\d\d|[01]\d[0-3]\d)\b/);
  });

  test('passes on what the scripts read', async () => {
    const environment = async (change: Partial<PackerTemplateInput>) => (await parsed(change)).locals[0].environment;
    const { toolchain } = PACKER_TEMPLATE;
    if (toolchain.kind !== 'ghcup') throw new Error('the example has GHCup');

    expect(await environment({})).toEqual(
      expect.arrayContaining([
        'SOURCE_DATE_EPOCH=${var.source_date_epoch}',
        'BUILD_ACCOUNT=${var.ssh_username}',
        'FILES_DIR=/tmp/buildfleet/files',
        'TOOLCHAIN=${var.toolchain}',
        'GHC_PRIMARY_VERSION=${var.ghc_primary_version}',
        'GHC_SECONDARY_VERSION=${var.ghc_secondary_version}',
        'CABAL_VERSION=${var.cabal_version}',
        'GHCUP_VERSION=0.2.6.2',
      ]),
    );
    expect((await environment({})).join()).not.toContain('HACKAGE_INDEX_STATE');
    expect(await environment({ toolchain: { ...toolchain, indexState: '2026-01-31T00:00:00Z' } })).toContain(
      'HACKAGE_INDEX_STATE=2026-01-31T00:00:00Z',
    );
    const distribution = { toolchain: { kind: 'distribution', ghc: '9.4.7', cabal: '3.8.1.0' } } as const;
    expect((await environment(distribution)).join()).not.toContain('GHCUP');
    expect((await parsed(distribution)).variable['toolchain']![0].default).toBe('distribution');
    expect((await parsed(distribution)).variable['ghc_secondary_version']![0].default).toBe('');
  });

  test('one package changes one line', () => {
    const before = renderPackerTemplate(PACKER_TEMPLATE).split('\n');
    const after = renderPackerTemplate({
      ...PACKER_TEMPLATE,
      packages: [...PACKER_TEMPLATE.packages, 'zstd'],
    }).split('\n');
    expect(after.filter((line) => !before.includes(line))).toEqual(['    "zstd",']);
    expect(after).toHaveLength(before.length + 1);
  });

  const bad: [string, Partial<PackerTemplateInput>, RegExp][] = [
    ['a package that a shell would take for more', { packages: ['jq; reboot'] }, /packages\.0: must be the name/],
    ['a checksum that is none', { iso: { urls: ['https://x.example/i.iso'], sha256: 'none' } }, /iso\.sha256: must be/],
    ['no address of the installer', { iso: { ...PACKER_TEMPLATE.iso, urls: [] } }, /iso\.urls/],
    ['a disk that is too small', { diskMib: 1024 }, /diskMib/],
  ];
  test.each(bad)('refuses %s', (_, change, message) => {
    const render = () => renderPackerTemplate({ ...PACKER_TEMPLATE, ...change });
    expect(render).toThrow(FleetError);
    expect(render).toThrow(message);
  });
});

test('renderPackerPlugins writes version requirements and nothing else', async () => {
  const text = renderPackerPlugins();
  expect(text).toMatchSnapshot();
  const { packer, ...others } = (await parse('test.hcl', text)) as { packer: [Record<string, unknown>] };
  expect(others).toEqual({});
  expect(Object.keys(packer[0]).sort()).toEqual(['required_plugins', 'required_version']);
});
