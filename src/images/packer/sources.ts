import { VM_NAME_PREFIX } from '../../model/names';
import { block, type HclBlock, type HclObject, ref, template } from './hcl';

/** Makes an OVA: the machine that VirtualBox installs on, behind NAT while building. */
export function virtualboxSource(): HclBlock {
  const modify = (...settings: string[]): string[] => ['modifyvm', '{{ .Name }}', ...settings];
  return block(
    'source',
    ['virtualbox-iso', VM_NAME_PREFIX],
    {
      attributes: {
        vm_name: ref('var.vm_name'),
        guest_os_type: 'Ubuntu_64',
        disk_size: ref('var.disk_size'),
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
    },
    { attributes: commonSettings() },
    {
      attributes: {
        format: 'ova',
        export_opts: ['--manifest'],
        output_directory: template`${ref('var.output_directory')}/virtualbox`,
        output_filename: template`${ref('var.vm_name')}-${ref('local.export_date')}`,
      },
    },
  );
}

/** Makes a qcow2 disk, from the installer or from a disk that boots already. */
export function qemuSource(): HclBlock {
  return block(
    'source',
    ['qemu', VM_NAME_PREFIX],
    {
      attributes: {
        vm_name: template`${ref('var.vm_name')}.qcow2`,
        accelerator: ref('var.accelerator'),
        machine_type: 'q35',
        qemuargs: ref('var.qemu_arguments'),
        disk_image: ref('var.disk_image'),
        disk_size: template`${ref('var.disk_size')}M`,
        disk_interface: 'virtio',
        disk_cache: 'unsafe',
        disk_discard: 'unmap',
        disk_detect_zeroes: 'unmap',
        net_device: 'virtio-net-pci',
      },
    },
    { attributes: commonSettings() },
    {
      attributes: {
        format: 'qcow2',
        disk_compression: ref('var.disk_compression'),
        output_directory: template`${ref('var.output_directory')}/qemu`,
      },
    },
  );
}

/** What both builders take under the same name. */
function commonSettings(): HclObject {
  return {
    memory: ref('var.memory'),
    cpus: ref('var.cpus'),
    headless: ref('var.headless'),
    iso_urls: ref('var.iso_urls'),
    iso_checksum: ref('var.iso_checksum'),
    boot_wait: ref('var.boot_wait'),
    boot_command: ref('var.boot_command'),
    cd_files: ref('var.seed_files'),
    cd_label: 'cidata',
    communicator: 'ssh',
    ssh_username: ref('var.ssh_username'),
    ssh_private_key_file: ref('var.ssh_private_key_file'),
    ssh_timeout: ref('var.ssh_timeout'),
    ssh_clear_authorized_keys: true,
    ssh_disable_agent_forwarding: true,
    shutdown_command: template`${ref('var.sudo')} bash /run/buildfleet/generalize.sh power-off`,
    shutdown_timeout: '15m',
  };
}
