import { parse } from '@cdktf/hcl2json';
import {
  DEFAULT_GHCUP_TOOLCHAIN,
  DEFAULT_IMAGE_PACKAGES,
  type ImageDefinitionProps,
  PACKER_PLUGINS,
} from '../../../../src/model/image-definition';
import { renderPackerPlugins } from '../../../../src/images/packer/plugins';
import { renderPackerTemplate } from '../../../../src/images/packer/template';
import { UBUNTU_BASE, ubuntuDefinition } from './support/ubuntu-definition';

type UbuntuBase = Extract<ImageDefinitionProps['base'], { kind: 'ubuntu' }>;
type Settings = Readonly<Record<string, unknown>>;
interface Parsed {
  readonly variable: Readonly<Record<string, [{ readonly default?: unknown; readonly type: string }]>>;
  readonly locals: [{ readonly environment: readonly string[] }];
  readonly source: Readonly<Record<string, Readonly<Record<string, [Settings]>>>>;
  readonly build: [{ readonly sources: string[]; readonly provisioner: Readonly<Record<string, Settings[]>> }];
}

function rendered(changes: Partial<ImageDefinitionProps> = {}): string {
  return renderPackerTemplate(ubuntuDefinition(changes));
}

async function parsed(changes: Partial<ImageDefinitionProps> = {}): Promise<Parsed> {
  return (await parse('test.hcl', rendered(changes))) as unknown as Parsed;
}

async function defaults(changes: Partial<ImageDefinitionProps>): Promise<Settings> {
  const { variable } = await parsed(changes);
  return Object.fromEntries(Object.entries(variable).map(([name, [{ default: value }]]) => [name, value]));
}

const DISTRIBUTION = { toolchain: { kind: 'distribution', ghc: '9.4.7', cabal: '3.8.1.0' } } as const;
const SHA256 = 'abc123'.padEnd(64, '0');

describe('variables', () => {
  const iso = (urls: string[], sha256: string = UBUNTU_BASE.iso.sha256) => ({
    base: { ...UBUNTU_BASE, iso: { urls, sha256 } },
  });
  test.each<[string, Partial<ImageDefinitionProps>, Settings]>([
    ['the disk', { diskMib: 8192 }, { disk_size: 8192 }],
    ['packages, sorted', { packages: ['zstd', 'jq'] }, { packages: ['jq', 'zstd'] }],
    [
      'the installer',
      iso(['file:///mirror/installer.iso'], SHA256),
      { iso_urls: ['file:///mirror/installer.iso'], iso_checksum: `sha256:${SHA256}` },
    ],
    // the parser prints a text that looks like an interpolation with its first sign doubled
    ['an address that HCL would evaluate', iso(['https://x/${a}%{b}']), { iso_urls: ['https://x/$${a}%%{b}'] }],
    [
      "GHCup's toolchain",
      { toolchain: { ...DEFAULT_GHCUP_TOOLCHAIN, ghc: '9.12.1', secondaryGhc: '9.10.1', cabal: '3.14.1.0' } },
      {
        ...{ toolchain: 'ghcup', ghc_primary_version: '9.12.1' },
        ...{ ghc_secondary_version: '9.10.1', cabal_version: '3.14.1.0' },
      },
    ],
    [
      'one GHC',
      { toolchain: { ...DEFAULT_GHCUP_TOOLCHAIN, secondaryGhc: null } },
      { ghc_primary_version: DEFAULT_GHCUP_TOOLCHAIN.ghc, ghc_secondary_version: '' },
    ],
    [
      "the distribution's toolchain",
      DISTRIBUTION,
      {
        ...{ toolchain: 'distribution', ghc_primary_version: '9.4.7' },
        ...{ ghc_secondary_version: '', cabal_version: '3.8.1.0' },
        packages: expect.arrayContaining(['ghc', 'cabal-install']),
      },
    ],
  ])('have what the definition says: %s', async (_, changes, expected) => {
    const before = await defaults({});
    const after = await defaults(changes);
    expect(after).toMatchObject(expected);
    const changed = Object.keys(after).filter((name) => JSON.stringify(after[name]) !== JSON.stringify(before[name]));
    expect(Object.keys(expected)).toEqual(expect.arrayContaining(changed));
  });

  test('begin with the agreed ones', () => {
    const order = [...rendered().matchAll(/^variable "(\w+)"/gm)].map(([, name]) => name);
    const agreed = ['vm_name', 'disk_size', 'memory', 'cpus', 'ghc_primary_version', 'ghc_secondary_version'];
    expect(order.slice(0, 7)).toEqual([...agreed, 'cabal_version']);
  });

  test('are each used somewhere', async () => {
    const text = rendered();
    const used = [...text.matchAll(/\bvar\.(\w+)/g)].map(([, name]) => name);
    expect([...new Set(used)].sort()).toEqual(Object.keys((await parsed()).variable).sort());
  });

  test('have no default where the value is made for one build', async () => {
    const open = Object.entries((await parsed()).variable).filter(([, [definition]]) => !('default' in definition));
    const perBuild = ['definition_hash', 'seed_files', 'source_date_epoch', 'ssh_private_key_file'];
    expect(open.map(([name]) => name).sort()).toEqual(perBuild);
  });

  test('one package changes one line', () => {
    const before = rendered().split('\n');
    const after = rendered({ packages: [...DEFAULT_IMAGE_PACKAGES, 'zstd'] }).split('\n');
    expect(after.filter((line) => !before.includes(line))).toEqual(['    "zstd",']);
    expect(after).toHaveLength(before.length + 1);
  });
});

test('no source lets anything in but the key of the build', async () => {
  const { source } = await parsed();
  expect(Object.keys(source).sort()).toEqual(['qemu', 'virtualbox-iso']);
  for (const { 'haskell-build': [settings] = [] } of Object.values(source)) {
    expect(settings).toMatchObject({
      ssh_private_key_file: '${var.ssh_private_key_file}',
      ssh_clear_authorized_keys: true,
      ssh_disable_agent_forwarding: true,
    });
    expect(Object.keys(settings ?? {})).not.toContain('ssh_password');
  }
});

test('the date is that of the export, and stands in the name of the OVA alone', async () => {
  const [{ output_filename: name }] = (await parsed()).source['virtualbox-iso']!['haskell-build']!;
  expect(name).toBe('${var.vm_name}-${local.export_date}');
  expect(rendered()).not.toMatch(/\b20\d\d(-\d\d-\d\d|[01]\d[0-3]\d)\b/);
});

describe('provisioners', () => {
  /** What a template does, in its order. */
  const steps = (changes: Partial<ImageDefinitionProps> = {}) =>
    [...rendered(changes).matchAll(/\/scripts\/([\w-]+)\.sh"|(install -D|apt-get)|path\.root\}\/(files|overlays)"/g)]
      .map((match) => match.slice(1).join(''))
      .filter((step, index, all) => step !== all[index - 1]);

  test('run packages, upload and scripts in this order, for both sources', async () => {
    expect((await parsed()).build[0].sources).toEqual([
      'source.virtualbox-iso.haskell-build',
      'source.qemu.haskell-build',
    ]);
    expect(steps()).toEqual(['apt-get', 'files', 'install-haskell', 'install-agent', 'generalize']);
  });

  test('install further GHCs one after the other, by the script that adds what is missing', async () => {
    const toolchain = (secondaryGhc: string | string[]) => ({
      toolchain: { ...DEFAULT_GHCUP_TOOLCHAIN, secondaryGhc },
    });
    expect(rendered(toolchain(['9.6.6']))).toBe(rendered(toolchain('9.6.6')));
    const several = toolchain(['9.6.6', '9.4.8', '9.10.1']);
    expect(await defaults(several)).toMatchObject({ ghc_primary_version: '9.8.4', ghc_secondary_version: '9.6.6' });
    const scripts = ['install-haskell', 'install-agent', 'install-haskell', 'install-haskell', 'generalize'];
    const [{ provisioner }] = (await parsed(several)).build;
    const runs = provisioner['shell']!.filter((run) => 'scripts' in run);
    expect(runs.flatMap((run) => run['scripts'])).toEqual(scripts.map((name) => `\${path.root}/scripts/${name}.sh`));
    const added = runs.map(({ environment_vars: text }) => /\["(.*)"\]/.exec(String(text))?.[1]);
    expect(added).toEqual([undefined, 'GHC_SECONDARY_VERSION=9.4.8', 'GHC_SECONDARY_VERSION=9.10.1', undefined]);
  });

  test('install overlays before the image is generalized', () => {
    const overlay = { path: 'overlays/etc/motd', target: '/etc/motd', mode: '0644', sha256: SHA256 };
    expect(steps({ overlays: [overlay] })).toEqual([
      ...['apt-get', 'files', 'install-haskell', 'install-agent'],
      ...['overlays', 'install -D', 'generalize'],
    ]);
  });
});

describe('the environment of the scripts', () => {
  const environment = async (changes: Partial<ImageDefinitionProps> = {}) => {
    const settings = (await parsed(changes)).locals[0].environment.map((setting) => setting.split(/=(.*)/s));
    return Object.fromEntries(settings) as Record<string, string>;
  };

  test('follows the variables, so that -var changes it', async () => {
    expect(await environment()).toMatchObject({
      SOURCE_DATE_EPOCH: '${var.source_date_epoch}',
      BUILD_ACCOUNT: '${var.ssh_username}',
      PACKAGES: '${join(" ", var.packages)}',
      TOOLCHAIN: '${var.toolchain}',
      GHC_PRIMARY_VERSION: '${var.ghc_primary_version}',
      GHC_SECONDARY_VERSION: '${var.ghc_secondary_version}',
      CABAL_VERSION: '${var.cabal_version}',
    });
  });

  test('has the locale, keyboard and time zone of the definition', async () => {
    expect(await environment({ locale: 'de_AT.UTF-8', keyboard: 'de', timezone: 'Europe/Vienna' })).toMatchObject({
      ...{ BUILD_LOCALE: 'de_AT.UTF-8', BUILD_KEYBOARD: 'de', BUILD_TIMEZONE: 'Europe/Vienna' },
      FILES_DIR: '/tmp/buildfleet/files',
    });
  });

  test('names GHCup and the state of the package index where the toolchain has them', async () => {
    const ghcup = { version: '1.2.3.4', sha256: SHA256 };
    const own = ['GHCUP_VERSION', 'GHCUP_SHA256', 'HACKAGE_INDEX_STATE'];
    const only = async (changes: Partial<ImageDefinitionProps>) =>
      Object.fromEntries(Object.entries(await environment(changes)).filter(([name]) => own.includes(name)));
    expect(await only({ toolchain: { ...DEFAULT_GHCUP_TOOLCHAIN, ghcup } })).toEqual({
      ...{ GHCUP_VERSION: '1.2.3.4', GHCUP_SHA256: SHA256 },
    });
    const indexState = '2026-01-31T00:00:00Z';
    expect(await only({ toolchain: { ...DEFAULT_GHCUP_TOOLCHAIN, indexState } })).toMatchObject({
      HACKAGE_INDEX_STATE: indexState,
    });
    expect(await only(DISTRIBUTION)).toEqual({});
  });
});

describe('the plugins', () => {
  const required = async (changes: Partial<UbuntuBase> = {}) => {
    const image = ubuntuDefinition({ base: { ...UBUNTU_BASE, ...changes } });
    const { packer, ...others } = (await parse('test.hcl', renderPackerPlugins(image))) as { packer: [Settings] };
    expect(others).toEqual({});
    expect(Object.keys(packer[0]).sort()).toEqual(['required_plugins', 'required_version']);
    const [plugins] = packer[0]['required_plugins'] as [Readonly<Record<string, { version: string }>>];
    return Object.fromEntries(Object.entries(plugins).map(([name, { version }]) => [name, version]));
  };

  test('are of exact versions, and QEMU needs none for VirtualBox', async () => {
    const [qemu, virtualbox] = [`= ${PACKER_PLUGINS.qemu.version}`, `= ${PACKER_PLUGINS.virtualbox.version}`];
    expect(await required()).toEqual({ qemu, virtualbox });
    expect(await required({ builder: 'qemu' })).toEqual({ qemu });
    const plugins = { qemu: { version: '1.1.0', sha256: SHA256 } };
    expect(await required({ builder: 'qemu', plugins })).toEqual({ qemu: '= 1.1.0' });
  });

  test('are those of the sources that the build names: Packer of today looks for each', async () => {
    const sources = async (builder: 'qemu' | 'virtualbox') =>
      (await parsed({ base: { ...UBUNTU_BASE, builder } })).build[0].sources;
    expect(await sources('qemu')).toEqual(['source.qemu.haskell-build']);
    expect(await sources('virtualbox')).toEqual(['source.virtualbox-iso.haskell-build', 'source.qemu.haskell-build']);
  });
});
