import { ghcVersionsOf, PROVISIONING_SCRIPTS, type UbuntuImageDefinition } from '../../model/image-definition';
import { VM_NAME_PREFIX } from '../../model/names';
import { shellWord } from '../../rendering/shell-word';
import { block, call, type HclBlock, type HclObject, type HclTemplate, ref, renderHcl, template } from './hcl';
import { buildersIn } from './plugins';
import { type PackerVariable, variableBlocks } from './variables';

/** Lies beside `scripts/`, `files/` and, where an image has some, `overlays/`. */
export const PACKER_TEMPLATE_FILE = 'haskell-build.pkr.hcl';

/** Where those are in the machine while it is built. */
const UPLOAD_DIRECTORY = '/tmp/buildfleet';

/**
 * The template: variables, one source for each hypervisor, and the provisioners that they share. It uses what Packer
 * 1.6.6 and the plugins of today both understand. The functions below stand in the order of the file.
 */
export function renderPackerTemplate(image: UbuntuImageDefinition): string {
  return renderHcl(
    [...variableBlocks(image), locals(image), virtualboxSource(), qemuSource(), build(image)],
    [
      `Image ${VM_NAME_PREFIX}: an OVA for VirtualBox, a qcow2 disk for QEMU, made by the same scripts.`,
      'buildfleet deploy runs it with a key and a seed made for the one build.',
    ],
  );
}

function variable(name: PackerVariable) {
  return ref(`var.${name}`);
}

function locals({ locale, keyboard, timezone, toolchain }: UbuntuImageDefinition): HclBlock {
  const { ghcup, indexState } = toolchain.kind === 'ghcup' ? toolchain : {};
  return block('locals', [], {
    export_date: call('formatdate', 'YYYYMMDD', call('timestamp')),
    environment: [
      template`SOURCE_DATE_EPOCH=${variable('source_date_epoch')}`,
      template`BUILD_ACCOUNT=${variable('ssh_username')}`,
      `BUILD_LOCALE=${locale}`,
      `BUILD_KEYBOARD=${keyboard}`,
      `BUILD_TIMEZONE=${timezone}`,
      `FILES_DIR=${UPLOAD_DIRECTORY}/files`,
      template`PACKAGES=${call('join', ' ', variable('packages'))}`,
      template`TOOLCHAIN=${variable('toolchain')}`,
      template`GHC_PRIMARY_VERSION=${variable('ghc_primary_version')}`,
      template`GHC_SECONDARY_VERSION=${variable('ghc_secondary_version')}`,
      template`CABAL_VERSION=${variable('cabal_version')}`,
      ...(ghcup ? [`GHCUP_VERSION=${ghcup.version}`, `GHCUP_SHA256=${ghcup.sha256}`] : []),
      ...(indexState ? [`HACKAGE_INDEX_STATE=${indexState}`] : []),
    ],
  });
}

/** Type of each builder's source. */
export const PACKER_SOURCES = { virtualbox: 'virtualbox-iso', qemu: 'qemu' } as const;

/** Makes an OVA: the machine that VirtualBox installs on, behind NAT while building. */
function virtualboxSource(): HclBlock {
  const modify = (...settings: string[]) => ['modifyvm', '{{ .Name }}', ...settings];
  return block(
    'source',
    [PACKER_SOURCES.virtualbox, VM_NAME_PREFIX],
    {
      vm_name: variable('vm_name'),
      guest_os_type: 'Ubuntu_64',
      disk_size: variable('disk_size'),
      hard_drive_interface: 'sata',
      hard_drive_discard: true,
      iso_interface: 'sata',
      // 1.6.6 has no attributes for these
      vboxmanage: [
        modify('--chipset', 'ich9'),
        modify('--graphicscontroller', 'vboxsvga', '--vram', '33'),
        modify('--rtcuseutc', 'on'),
        modify('--nic1', 'nat'),
      ],
      guest_additions_mode: 'disable',
      virtualbox_version_file: '',
    },
    SETTINGS_OF_BOTH,
    {
      format: 'ova',
      export_opts: ['--manifest'],
      output_directory: template`${variable('output_directory')}/virtualbox`,
      output_filename: template`${variable('vm_name')}-${ref('local.export_date')}`,
    },
  );
}

/** Makes a qcow2 disk, from the installer or from a disk that boots already. */
function qemuSource(): HclBlock {
  return block(
    'source',
    [PACKER_SOURCES.qemu, VM_NAME_PREFIX],
    {
      vm_name: template`${variable('vm_name')}.qcow2`,
      accelerator: variable('accelerator'),
      machine_type: 'q35',
      qemuargs: call('concat', [['-netdev', LOOPBACK_NETWORK]], variable('qemu_arguments')),
      vnc_use_password: true,
      // relative to where packer runs: below output_directory its path could be too long for a socket
      qmp_socket_path: 'qmp.sock',
      disk_image: variable('disk_image'),
      disk_size: template`${variable('disk_size')}M`,
      disk_interface: 'virtio',
      disk_cache: 'unsafe',
      disk_discard: 'unmap',
      disk_detect_zeroes: 'unmap',
      net_device: 'virtio-net-pci',
    },
    SETTINGS_OF_BOTH,
    {
      format: 'qcow2',
      disk_compression: variable('disk_compression'),
      output_directory: template`${variable('output_directory')}/qemu`,
    },
  );
}

/**
 * The network that Packer makes, with the way to the machine's sshd on loopback: Packer opens it on every address. Other
 * accounts reach loopback, too, and so does the machine itself; hence the password of VNC and the key of ssh.
 */
const LOOPBACK_NETWORK = 'user,id=user.0,hostfwd=tcp:127.0.0.1:{{ .SSHHostPort }}-:22';

/** What both builders take under the same name. */
const SETTINGS_OF_BOTH = {
  memory: variable('memory'),
  cpus: variable('cpus'),
  headless: variable('headless'),
  iso_urls: variable('iso_urls'),
  iso_checksum: variable('iso_checksum'),
  boot_wait: variable('boot_wait'),
  boot_command: variable('boot_command'),
  cd_files: variable('seed_files'),
  cd_label: 'cidata',
  communicator: 'ssh',
  ssh_username: variable('ssh_username'),
  ssh_private_key_file: variable('ssh_private_key_file'),
  ssh_timeout: variable('ssh_timeout'),
  ssh_clear_authorized_keys: true,
  ssh_disable_agent_forwarding: true,
  shutdown_command: template`${variable('sudo')} bash /run/buildfleet/generalize.sh power-off`,
  shutdown_timeout: '15m',
};

function build(image: UbuntuImageDefinition): HclBlock {
  const scripts = PROVISIONING_SCRIPTS.map(besideTemplate);
  const beforeLast = [...installFurtherGhcs(image), ...installOverlays(image)];
  const provisioners =
    beforeLast.length === 0
      ? [shell({ scripts })]
      : [shell({ scripts: scripts.slice(0, -1) }), ...beforeLast, shell({ scripts: scripts.slice(-1) })];
  return block(
    'build',
    [],
    { sources: buildersIn(image).map((builder) => `source.${PACKER_SOURCES[builder]}.${VM_NAME_PREFIX}`) },
    shell({ inline_shebang: SHEBANG, inline: PREPARATION }),
    upload('files'),
    ...provisioners,
    block('post-processor', ['manifest'], {
      output: template`${variable('output_directory')}/manifest.json`,
      strip_path: true,
      custom_data: { definition_hash: variable('definition_hash') },
    }),
  );
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
const SHEBANG = '/bin/sh -eu';

/** Variables name the first two GHCs. The script installs what is missing, so that a run for each other one adds it. */
function installFurtherGhcs(image: UbuntuImageDefinition): HclBlock[] {
  const [installHaskell] = PROVISIONING_SCRIPTS;
  const [, , ...further] = ghcVersionsOf(image);
  return further.map((version) =>
    shell({ scripts: [besideTemplate(installHaskell)] }, [`GHC_SECONDARY_VERSION=${version}`]),
  );
}

/** Puts overlays where they belong, as the builder of the Debian image does: what generalizes the image comes later. */
function installOverlays({ overlays }: UbuntuImageDefinition): HclBlock[] {
  if (overlays.length === 0) return [];
  const inline = overlays.map(
    ({ path, target, mode }) =>
      `install -D -m ${mode} ${shellWord(`${UPLOAD_DIRECTORY}/${path}`)} ${shellWord(target)}`,
  );
  return [upload('overlays'), shell({ inline_shebang: SHEBANG, inline })];
}

const CLEAN_ENVIRONMENT = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C TZ=UTC',
  'DEBIAN_FRONTEND=noninteractive',
].join(' ');

/** Runs as root, and sees nothing of the account's environment. */
function shell(what: HclObject, settings: readonly string[] = []): HclBlock {
  const own = settings.length === 0 ? [] : [settings];
  return block('provisioner', ['shell'], {
    environment_vars: call('concat', ref('local.environment'), ...own, variable('environment')),
    execute_command: template`${variable('sudo')} env -i ${CLEAN_ENVIRONMENT} {{ .Vars }} {{ .Path }}`,
    ...what,
  });
}

function upload(directory: string): HclBlock {
  return block('provisioner', ['file'], { source: besideTemplate(directory), destination: UPLOAD_DIRECTORY });
}

/** A path beside the template, wherever packer is called from. */
function besideTemplate(path: string): HclTemplate {
  return template`${ref('path.root')}/${path}`;
}
