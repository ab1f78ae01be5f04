# Image haskell-build: an OVA for VirtualBox, a qcow2 disk for QEMU, made by the same scripts.
# buildfleet deploy runs it with a key and a seed made for the one build.

variable "vm_name" {
  type        = string
  description = "Name of the machine and of what comes out."
  default     = "haskell-build"

  validation {
    condition     = regex_replace(var.vm_name, "^[A-Za-z0-9][A-Za-z0-9._-]*$", "*") != var.vm_name
    error_message = "The variable vm_name must be a file name of letters, digits, dots and dashes."
  }
}

variable "disk_size" {
  type        = number
  description = "Size of the disk in MiB."
  default     = 40960

  validation {
    condition     = var.disk_size >= 4096
    error_message = "The variable disk_size must be 4096 or more."
  }
}

variable "memory" {
  type        = number
  description = "Memory while building, in MiB."
  default     = 8192

  validation {
    condition     = var.memory >= 512
    error_message = "The variable memory must be 512 or more."
  }
}

variable "cpus" {
  type        = number
  description = "CPUs while building."
  default     = 4

  validation {
    condition     = var.cpus >= 1
    error_message = "The variable cpus must be 1 or more."
  }
}

variable "ghc_primary_version" {
  type        = string
  description = "The GHC that is the default."
  default     = "9.8.4"

  validation {
    condition     = regex_replace(var.ghc_primary_version, "^[0-9]+([.][0-9]+)+$", "*") != var.ghc_primary_version
    error_message = "The variable ghc_primary_version must be a version such as 9.8.4."
  }
}

variable "ghc_secondary_version" {
  type        = string
  description = "A second GHC; empty for none."
  default     = "9.6.6"

  validation {
    condition     = regex_replace(var.ghc_secondary_version, "^([0-9]+([.][0-9]+)+)?$", "*") != var.ghc_secondary_version
    error_message = "The variable ghc_secondary_version must be a version such as 9.6.6, or empty."
  }
}

variable "cabal_version" {
  type        = string
  description = "Version of cabal-install."
  default     = "3.12.1.0"

  validation {
    condition     = regex_replace(var.cabal_version, "^[0-9]+([.][0-9]+)+$", "*") != var.cabal_version
    error_message = "The variable cabal_version must be a version such as 9.8.4."
  }
}

variable "toolchain" {
  type        = string
  description = "What GHC comes from: ghcup or distribution."
  default     = "ghcup"

  validation {
    condition     = contains(["ghcup", "distribution"], var.toolchain)
    error_message = "The variable toolchain must be one of: ghcup, distribution."
  }
}

variable "packages" {
  type        = list(string)
  description = "Packages installed before the scripts run."
  default = [
    "autossh",
    "build-essential",
    "curl",
    "git",
    "jq",
    "libffi-dev",
    "libgmp-dev",
    "libncurses-dev",
    "libtinfo-dev",
    "ncurses-term",
    "openssh-server",
    "pkg-config",
    "rsync",
    "zlib1g-dev",
  ]
}

variable "environment" {
  type        = list(string)
  description = "Further NAME=value settings of the scripts, such as a proxy."
  default     = []
}

variable "iso_urls" {
  type        = list(string)
  description = "Installer, or disk with disk_image; the first that answers."
  default = [
    "https://releases.ubuntu.com/24.04/ubuntu-24.04.5-live-server-amd64.iso",
    "https://old-releases.ubuntu.com/releases/24.04/ubuntu-24.04.5-live-server-amd64.iso",
  ]

  validation {
    condition     = length(var.iso_urls) > 0
    error_message = "The variable iso_urls must be a list of at least one."
  }
}

variable "iso_checksum" {
  type        = string
  description = "What must have been fetched."
  default     = "sha256:97f3d7ffb032c3eb3b23d2c8be9cc76e60c2c1f2c0146ba5ba9fe01cafae0fd8"

  validation {
    condition     = regex_replace(var.iso_checksum, "^(none|file:.+|((md5|sha1|sha256|sha512):)?[0-9A-Fa-f]+)$", "*") != var.iso_checksum
    error_message = "The variable iso_checksum must be sha256: and its digits."
  }
}

variable "disk_image" {
  type        = bool
  description = "QEMU: iso_urls name a disk that boots, not an installer."
  default     = false
}

variable "boot_command" {
  type        = list(string)
  description = "Keys typed into the boot loader."
  default = [
    "c<wait3>",
    "linux /casper/vmlinuz autoinstall --- no_timer_check<enter><wait3>",
    "initrd /casper/initrd<enter><wait3>",
    "boot<enter>",
  ]
}

variable "boot_wait" {
  type        = string
  description = "Time from power-on to the first key."
  default     = "5s"

  validation {
    condition     = regex_replace(var.boot_wait, "^-?([0-9]+([.][0-9]+)?(ms|s|m|h))+$", "*") != var.boot_wait
    error_message = "The variable boot_wait must be a time with its unit, such as 90s or 1h30m."
  }
}

variable "seed_files" {
  type        = list(string)
  description = "user-data and meta-data for a CD, made for one build; [] for none."
}

variable "ssh_username" {
  type        = string
  description = "Account that exists while building."
  default     = "packer"

  validation {
    condition     = regex_replace(var.ssh_username, "^[a-z_][a-z0-9_-]*$", "*") != var.ssh_username
    error_message = "The variable ssh_username must be the name of an account."
  }
}

variable "ssh_private_key_file" {
  type        = string
  description = "Key that the seed lets in, made for one build."
}

variable "ssh_timeout" {
  type        = string
  description = "Time for the installation, until the machine answers."
  default     = "60m"

  validation {
    condition     = regex_replace(var.ssh_timeout, "^-?([0-9]+([.][0-9]+)?(ms|s|m|h))+$", "*") != var.ssh_timeout
    error_message = "The variable ssh_timeout must be a time with its unit, such as 90s or 1h30m."
  }
}

variable "sudo" {
  type        = string
  description = "What makes the account root; empty where it is."
  default     = "sudo"
}

variable "definition_hash" {
  type        = string
  description = "sha256 of the image's definition, for the manifest."

  validation {
    condition     = regex_replace(var.definition_hash, "^[0-9a-f]{64}$", "*") != var.definition_hash
    error_message = "The variable definition_hash must be 64 lowercase hexadecimal digits."
  }
}

variable "source_date_epoch" {
  type        = number
  description = "Date that what the build makes shall have, in seconds since 1970."

  validation {
    condition     = var.source_date_epoch >= 0
    error_message = "The variable source_date_epoch must be 0 or more."
  }
}

variable "accelerator" {
  type        = string
  description = "QEMU: kvm, or tcg where there is none."
  default     = "kvm"

  validation {
    condition     = contains(["kvm", "tcg"], var.accelerator)
    error_message = "The variable accelerator must be one of: kvm, tcg."
  }
}

variable "qemu_arguments" {
  type        = list(list(string))
  description = "QEMU: further options, each with its values."
  default     = []
}

variable "disk_compression" {
  type        = bool
  description = "QEMU: whether to compress the disk, which takes a minute."
  default     = true
}

variable "headless" {
  type        = bool
  description = "Whether to build without a window."
  default     = true
}

variable "output_directory" {
  type        = string
  description = "Where what comes out is written; made by the build."
  default     = "output"
}

locals {
  export_date = formatdate("YYYYMMDD", timestamp())
  environment = [
    "SOURCE_DATE_EPOCH=${var.source_date_epoch}",
    "BUILD_ACCOUNT=${var.ssh_username}",
    "BUILD_LOCALE=en_US.UTF-8",
    "BUILD_KEYBOARD=us",
    "BUILD_TIMEZONE=Europe/Berlin",
    "FILES_DIR=/tmp/buildfleet/files",
    "PACKAGES=${join(" ", var.packages)}",
    "TOOLCHAIN=${var.toolchain}",
    "GHC_PRIMARY_VERSION=${var.ghc_primary_version}",
    "GHC_SECONDARY_VERSION=${var.ghc_secondary_version}",
    "CABAL_VERSION=${var.cabal_version}",
    "GHCUP_VERSION=0.2.6.2",
    "GHCUP_SHA256=9ed5da5449b48043a0d17e767c05d2ef585e25a639bb934329496c6d2fad9cf8",
  ]
}

source "virtualbox-iso" "haskell-build" {
  vm_name              = var.vm_name
  guest_os_type        = "Ubuntu_64"
  disk_size            = var.disk_size
  hard_drive_interface = "sata"
  hard_drive_discard   = true
  iso_interface        = "sata"
  vboxmanage = [
    ["modifyvm", "{{ .Name }}", "--chipset", "ich9"],
    ["modifyvm", "{{ .Name }}", "--graphicscontroller", "vboxsvga", "--vram", "33"],
    ["modifyvm", "{{ .Name }}", "--rtcuseutc", "on"],
    ["modifyvm", "{{ .Name }}", "--nic1", "nat"],
  ]
  guest_additions_mode    = "disable"
  virtualbox_version_file = ""

  memory                       = var.memory
  cpus                         = var.cpus
  headless                     = var.headless
  iso_urls                     = var.iso_urls
  iso_checksum                 = var.iso_checksum
  boot_wait                    = var.boot_wait
  boot_command                 = var.boot_command
  cd_files                     = var.seed_files
  cd_label                     = "cidata"
  communicator                 = "ssh"
  ssh_username                 = var.ssh_username
  ssh_private_key_file         = var.ssh_private_key_file
  ssh_timeout                  = var.ssh_timeout
  ssh_clear_authorized_keys    = true
  ssh_disable_agent_forwarding = true
  shutdown_command             = "${var.sudo} bash /run/buildfleet/generalize.sh power-off"
  shutdown_timeout             = "15m"

  format           = "ova"
  export_opts      = ["--manifest"]
  output_directory = "${var.output_directory}/virtualbox"
  output_filename  = "${var.vm_name}-${local.export_date}"
}

source "qemu" "haskell-build" {
  vm_name            = "${var.vm_name}.qcow2"
  accelerator        = var.accelerator
  machine_type       = "q35"
  qemuargs           = concat([["-netdev", "user,id=user.0,hostfwd=tcp:127.0.0.1:{{ .SSHHostPort }}-:22"]], var.qemu_arguments)
  vnc_use_password   = true
  qmp_socket_path    = "qmp.sock"
  disk_image         = var.disk_image
  disk_size          = "${var.disk_size}M"
  disk_interface     = "virtio"
  disk_cache         = "unsafe"
  disk_discard       = "unmap"
  disk_detect_zeroes = "unmap"
  net_device         = "virtio-net-pci"

  memory                       = var.memory
  cpus                         = var.cpus
  headless                     = var.headless
  iso_urls                     = var.iso_urls
  iso_checksum                 = var.iso_checksum
  boot_wait                    = var.boot_wait
  boot_command                 = var.boot_command
  cd_files                     = var.seed_files
  cd_label                     = "cidata"
  communicator                 = "ssh"
  ssh_username                 = var.ssh_username
  ssh_private_key_file         = var.ssh_private_key_file
  ssh_timeout                  = var.ssh_timeout
  ssh_clear_authorized_keys    = true
  ssh_disable_agent_forwarding = true
  shutdown_command             = "${var.sudo} bash /run/buildfleet/generalize.sh power-off"
  shutdown_timeout             = "15m"

  format           = "qcow2"
  disk_compression = var.disk_compression
  output_directory = "${var.output_directory}/qemu"
}

build {
  sources = ["source.virtualbox-iso.haskell-build", "source.qemu.haskell-build"]

  provisioner "shell" {
    environment_vars = concat(local.environment, var.environment)
    execute_command  = "${var.sudo} env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C TZ=UTC DEBIAN_FRONTEND=noninteractive {{ .Vars }} {{ .Path }}"
    inline_shebang   = "/bin/sh -eu"
    inline = [
      "if command -v cloud-init >/dev/null; then cloud-init status --wait || [ $? -eq 2 ]; fi",
      "systemctl stop apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service || true",
      "if [ -n \"$PACKAGES\" ]; then apt-get -q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 update; apt-get -q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 install --no-install-recommends $PACKAGES; fi",
      "install -d -o \"$BUILD_ACCOUNT\" -m 0755 /tmp/buildfleet",
    ]
  }

  provisioner "file" {
    source      = "${path.root}/files"
    destination = "/tmp/buildfleet"
  }

  provisioner "shell" {
    environment_vars = concat(local.environment, var.environment)
    execute_command  = "${var.sudo} env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C TZ=UTC DEBIAN_FRONTEND=noninteractive {{ .Vars }} {{ .Path }}"
    scripts = [
      "${path.root}/scripts/install-haskell.sh",
      "${path.root}/scripts/install-agent.sh",
      "${path.root}/scripts/generalize.sh",
    ]
  }

  post-processor "manifest" {
    output     = "${var.output_directory}/manifest.json"
    strip_path = true
    custom_data = {
      definition_hash = var.definition_hash
    }
  }
}
