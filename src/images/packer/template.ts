import { z } from 'zod';
import { BUILD_TIME_ACCOUNT } from './autoinstall-schema';
import { FleetError } from '../../model/errors';
import { PROVISIONING_SCRIPTS } from '../../model/image-definition';
import { VM_NAME_PREFIX } from '../../model/names';
import { describeIssues } from '../../model/zod-issue';
import {
  block,
  call,
  type HclBlock,
  type HclExpression,
  type HclObject,
  HclTemplate,
  ref,
  renderHcl,
  template,
} from './hcl';
import { qemuSource, virtualboxSource } from './sources';
import { shellWord } from '../../rendering/shell-word';

/** Shape of {@link PackerTemplateInput}. */
const packerTemplateSchema = z.strictObject({
  /** Image name: default of `vm_name`, and in the artifact's file name. */
  name: z.string().min(1),
  /** Installer: addresses in the order in which they are tried, and what the file must be. */
  iso: z.strictObject({
    urls: z.array(z.string().regex(/^(https?|file):\/\/\S+$/, 'must be an http, https or file URL')).min(1),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lowercase hexadecimal digits'),
  }),
  diskMib: z.number().int().min(4096),
  /** Memory while building; a VM of the image has its own. */
  memoryMib: z.number().int().min(1024).default(8192),
  cpus: z.number().int().min(1).default(4),
  toolchain: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('distribution'), ghc: z.string(), cabal: z.string() }),
    z.strictObject({
      kind: z.literal('ghcup'),
      ghcup: z.strictObject({ version: z.string(), sha256: z.string() }),
      ghc: z.string(),
      secondaryGhc: z.string().nullable(),
      cabal: z.string(),
      /** Moment of the package index; null is the newest. */
      indexState: z.string().nullable(),
    }),
  ]),
  /** Debian package names: the shell that installs them splits the list at spaces. */
  packages: z.array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'must be the name of a Debian package')),
  /** Files that are installed before the last script, in this order; `path` is beside the template. */
  overlays: z.array(z.strictObject({ path: z.string(), target: z.string(), mode: z.string() })).default([]),
  locale: z.string(),
  keyboard: z.string(),
  timezone: z.string(),
});

/** What the image's Packer template is made from. */
export type PackerTemplateInput = z.input<typeof packerTemplateSchema>;
type Template = z.output<typeof packerTemplateSchema>;

/** Names of the two files, which lie beside `scripts/` and `files/`. */
export const PACKER_TEMPLATE_FILE = 'haskell-build.pkr.hcl';
export const PACKER_PLUGINS_FILE = 'plugins.pkr.hcl';

/** Packer variables that have no default, because they are made for one build. */
export interface PackerBuildVariables {
  /** Paths of the filled-in `user-data` and `meta-data`; none for a disk that needs no seed. */
  readonly seed_files: readonly string[];
  /** The private key whose public half the seed lets in. */
  readonly ssh_private_key_file: string;
  /** sha256 of the image's definition, which covers the template and so cannot stand in it. */
  readonly definition_hash: string;
  /** Seconds since 1970, SOURCE_DATE_EPOCH of the scripts; follows from the hash. */
  readonly source_date_epoch: number;
}

/** Where the assets are in the machine while it is built. */
const UPLOAD_DIRECTORY = '/tmp/buildfleet';

/** For GRUB's command line. What stands behind `---` would end up in the installed system's kernel command line. */
const BOOT_COMMAND = [
  'c<wait3>',
  'linux /casper/vmlinuz autoinstall ---<enter><wait3>',
  'initrd /casper/initrd<enter><wait3>',
  'boot<enter>',
];

/**
 * The template: variables, one source for each hypervisor, and the provisioners that they share. It uses what Packer
 * 1.6.6 and the plugins of today both understand.
 *
 * @throws FleetError naming everything that is wrong.
 */
export function renderPackerTemplate(input: PackerTemplateInput): string {
  const image = checked(input);
  return renderHcl(
    [...variables(image), locals(image), virtualboxSource(), qemuSource(), build(image)],
    [
      `Image ${image.name}: an OVA for VirtualBox, a qcow2 disk for QEMU, made by the same scripts.`,
      'buildfleet deploy runs it with a key and a seed made for the one build.',
    ],
  );
}

/** What Packer of today has to know before it reads the template; Packer 1.6.6 has both builders inside and refuses it. */
export function renderPackerPlugins(): string {
  const plugin = (name: string, version: string): HclObject => ({
    [name]: { source: `github.com/hashicorp/${name}`, version },
  });
  return renderHcl([
    block(
      'packer',
      [],
      { attributes: { required_version: '>= 1.10' } },
      block('required_plugins', [], {
        attributes: { ...plugin('qemu', '>= 1.1.0'), ...plugin('virtualbox', '>= 1.1.0') },
      }),
    ),
  ]);
}

function variables(image: Template): HclBlock[] {
  return [
    variable('vm_name', 'string', 'Name of the machine and of what comes out.', image.name),
    variable('disk_size', 'number', 'Size of the disk in MiB.', image.diskMib),
    variable('memory', 'number', 'Memory while building, in MiB.', image.memoryMib),
    variable('cpus', 'number', 'CPUs while building.', image.cpus),
    variable('ghc_primary_version', 'string', 'The GHC that is the default.', image.toolchain.ghc),
    variable('ghc_secondary_version', 'string', 'A second GHC; empty for none.', secondaryGhc(image)),
    variable('cabal_version', 'string', 'Version of cabal-install.', image.toolchain.cabal),
    variable('toolchain', 'string', 'What GHC comes from: ghcup or distribution.', image.toolchain.kind),
    variable('packages', 'list(string)', 'Packages installed before the scripts run.', image.packages),
    variable('environment', 'list(string)', 'Further NAME=value settings of the scripts, such as a proxy.', []),
    variable('iso_urls', 'list(string)', 'Installer, or disk with disk_image; the first that answers.', image.iso.urls),
    variable('iso_checksum', 'string', 'What must have been fetched.', `sha256:${image.iso.sha256}`),
    variable('disk_image', 'bool', 'QEMU: iso_urls name a disk that boots, not an installer.', false),
    variable('boot_command', 'list(string)', 'Keys typed into the boot loader.', BOOT_COMMAND),
    variable('boot_wait', 'string', 'Time from power-on to the first key.', '5s'),
    variable('seed_files', 'list(string)', 'user-data and meta-data for a CD, made for one build; [] for none.'),
    variable('ssh_username', 'string', 'Account that exists while building.', BUILD_TIME_ACCOUNT),
    variable('ssh_private_key_file', 'string', 'Key that the seed lets in, made for one build.'),
    variable('ssh_timeout', 'string', 'Time for the installation, until the machine answers.', '60m'),
    variable('sudo', 'string', 'What makes the account root; empty where it is.', 'sudo'),
    variable('definition_hash', 'string', "sha256 of the image's definition, for the manifest."),
    variable('source_date_epoch', 'number', 'Date that what the build makes shall have, in seconds since 1970.'),
    variable('accelerator', 'string', 'QEMU: kvm, or tcg where there is none.', 'kvm'),
    variable('qemu_arguments', 'list(list(string))', 'QEMU: further options, each with its values.', []),
    variable('disk_compression', 'bool', 'QEMU: whether to compress the disk, which takes a minute.', true),
    variable('headless', 'bool', 'Whether to build without a window.', true),
    variable('output_directory', 'string', 'Where what comes out is written; made by the build.', 'output'),
  ];
}

function variable(name: string, type: string, description: string, value?: HclExpression): HclBlock {
  return block('variable', [name], {
    attributes: {
      type: typeOf(type),
      description,
      ...(value === undefined ? {} : { default: value }),
    },
  });
}

/** `list(string)`: the language writes types as if they were calls. */
function typeOf(type: string): HclExpression {
  const [, outer, inner] = /^(\w+)\((.*)\)$/.exec(type) ?? [];
  return outer === undefined || inner === undefined ? ref(type) : call(outer, typeOf(inner));
}

function locals(image: Template): HclBlock {
  return block('locals', [], {
    attributes: {
      export_date: call('formatdate', 'YYYYMMDD', call('timestamp')),
      environment: [
        template`SOURCE_DATE_EPOCH=${ref('var.source_date_epoch')}`,
        template`BUILD_ACCOUNT=${ref('var.ssh_username')}`,
        `BUILD_LOCALE=${image.locale}`,
        `BUILD_KEYBOARD=${image.keyboard}`,
        `BUILD_TIMEZONE=${image.timezone}`,
        `FILES_DIR=${UPLOAD_DIRECTORY}/files`,
        template`PACKAGES=${call('join', ' ', ref('var.packages'))}`,
        template`TOOLCHAIN=${ref('var.toolchain')}`,
        template`GHC_PRIMARY_VERSION=${ref('var.ghc_primary_version')}`,
        template`GHC_SECONDARY_VERSION=${ref('var.ghc_secondary_version')}`,
        template`CABAL_VERSION=${ref('var.cabal_version')}`,
        ...ghcupSettings(image),
      ],
    },
  });
}

function secondaryGhc({ toolchain }: Template): string {
  return toolchain.kind === 'ghcup' ? (toolchain.secondaryGhc ?? '') : '';
}

function ghcupSettings({ toolchain }: Template): string[] {
  if (toolchain.kind !== 'ghcup') return [];
  const { ghcup, indexState } = toolchain;
  return [
    `GHCUP_VERSION=${ghcup.version}`,
    `GHCUP_SHA256=${ghcup.sha256}`,
    ...(indexState === null ? [] : [`HACKAGE_INDEX_STATE=${indexState}`]),
  ];
}

function build({ overlays }: Template): HclBlock {
  const scripts = PROVISIONING_SCRIPTS.map(besideTemplate);
  return block(
    'build',
    [],
    { attributes: { sources: [`source.virtualbox-iso.${VM_NAME_PREFIX}`, `source.qemu.${VM_NAME_PREFIX}`] } },
    block('provisioner', ['shell'], {
      attributes: { ...asRoot(), inline_shebang: '/bin/sh -eu', inline: PREPARATION },
    }),
    block('provisioner', ['file'], {
      attributes: { source: besideTemplate('files'), destination: UPLOAD_DIRECTORY },
    }),
    ...(overlays.length === 0
      ? [block('provisioner', ['shell'], { attributes: { ...asRoot(), scripts } })]
      : [
          block('provisioner', ['shell'], { attributes: { ...asRoot(), scripts: scripts.slice(0, -1) } }),
          ...installOverlays(overlays),
          block('provisioner', ['shell'], { attributes: { ...asRoot(), scripts: scripts.slice(-1) } }),
        ]),
    block('post-processor', ['manifest'], {
      attributes: {
        output: template`${ref('var.output_directory')}/manifest.json`,
        strip_path: true,
        custom_data: { definition_hash: ref('var.definition_hash') },
      },
    }),
  );
}

/** Puts overlays where they belong, as the builder of the Debian image does: what generalizes the image comes later. */
function installOverlays(overlays: Template['overlays']): HclBlock[] {
  const inline = overlays.map(
    ({ path, target, mode }) =>
      `install -D -m ${mode} ${shellWord(`${UPLOAD_DIRECTORY}/${path}`)} ${shellWord(target)}`,
  );
  return [
    block('provisioner', ['file'], {
      attributes: { source: besideTemplate('overlays'), destination: UPLOAD_DIRECTORY },
    }),
    block('provisioner', ['shell'], { attributes: { ...asRoot(), inline_shebang: '/bin/sh -eu', inline } }),
  ];
}

/** A path beside the template, wherever packer is called from. */
function besideTemplate(path: string): HclTemplate {
  return template`${ref('path.root')}/${path}`;
}

const CLEAN_ENVIRONMENT = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C TZ=UTC',
  'DEBIAN_FRONTEND=noninteractive',
].join(' ');

/** Scripts see nothing of the account's environment. */
function asRoot(): HclObject {
  return {
    environment_vars: call('concat', ref('local.environment'), ref('var.environment')),
    execute_command: new HclTemplate([ref('var.sudo'), ` env -i ${CLEAN_ENVIRONMENT} {{ .Vars }} {{ .Path }}`]),
  };
}

const APT = 'apt-get -q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3';
const PREPARATION = [
  // 2 is a warning, which the first boot of an installed Ubuntu gives
  'if command -v cloud-init >/dev/null; then cloud-init status --wait || [ $? -eq 2 ]; fi',
  // apt waits for dpkg's lock, but not for that of the package lists
  'systemctl stop apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service || true',
  `if [ -n "$PACKAGES" ]; then ${APT} update; ${APT} install --no-install-recommends $PACKAGES; fi`,
  `install -d -o "$BUILD_ACCOUNT" -m 0755 ${UPLOAD_DIRECTORY}`,
];

function checked(input: PackerTemplateInput): Template {
  const result = packerTemplateSchema.safeParse(input);
  if (result.success) return result.data;
  throw new FleetError({
    code: 'packer-template-invalid',
    ...describeIssues(result.error, { input }),
    place: `image ${input.name}`,
    remedy: 'correct what is listed',
  });
}
