#!/usr/bin/env bash
# Installs the packages that buildfleet needs on Debian and Ubuntu, and prints each with its reason. Does nothing when all
# are there.
# usage: setup.sh deploy|test
set -euo pipefail
unset CDPATH
cd "$(dirname "$0")/.."

profile=${1:?usage: setup.sh deploy|test}

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# package and the reason for it, one a line
needed() {
  sed '/^#/d' src/drivers/*/packages.txt
  cat <<'LIST'
mmdebstrap builds the Debian image
debian-archive-keyring verifies the packages in the image
uidmap lets mmdebstrap build without root
xorriso writes the seed that gives a machine its keys
openssh-client reaches the machines
rsync brings sources to the machines and results back
openssh-server ends their tunnels, as a private sshd on 127.0.0.1
LIST
  if [ "$profile" = test ]; then
    cat <<'LIST'
shellcheck checks the shell scripts
cloud-init checks the seeds
systemd checks the units
python3 runs the agent's unit tests
python3-yaml reads YAML as other programs do
make checks the rendered Makefile
packer checks and runs the Packer template; Debian's 1.6.6 has the builders inside
gnupg signs what the tests let GHCup's stand-in download
fdisk reads the partitions of built disks
xauth lets the tests ask for X11 forwarding
chromium shows the hub's page to the tests
zsh completes command lines in the tests
fish completes command lines in the tests
bash-completion loads the completion for bash in the tests
LIST
  fi
}

check_node() {
  command -v node >/dev/null || fail 'node is missing: install Node.js 20.19 or newer (https://nodejs.org/en/download)'
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    fail "node $(node --version) is too old: install Node.js 20.19 or newer (https://nodejs.org/en/download)"
}

check_terraform() {
  command -v "${TERRAFORM_BINARY_NAME:-terraform}" >/dev/null || command -v tofu >/dev/null ||
    fail 'terraform is missing: install Terraform 1.5 or newer (https://developer.hashicorp.com/terraform/install) or OpenTofu (https://opentofu.org/docs/intro/install)'
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    command -v sudo >/dev/null || fail "run this as root, there is no sudo: $*"
    sudo "$@"
  fi
}

# Packages must not start services on the operator's machine: only their programs are needed.
keep_service_off() {
  case $1 in
    openssh-server) switch=/etc/ssh/sshd_not_to_be_run ;;
    cloud-init) switch=/etc/cloud/cloud-init.disabled ;;
    *) return 0 ;;
  esac
  printf 'setup: %s is installed for its program only; %s keeps its service off\n' "$1" "$switch"
  as_root mkdir -p "$(dirname "$switch")"
  as_root touch "$switch"
}

installed() {
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_packages() {
  command -v dpkg-query >/dev/null || fail "this is neither Debian nor Ubuntu: install yourself what these packages hold: $(needed | cut -d ' ' -f 1 | paste -s -d ' ')"
  local missing=() package reason
  while read -r package reason; do
    if ! installed "$package"; then
      printf 'setup: %s is missing, it %s\n' "$package" "$reason"
      missing+=("$package")
    fi
  done < <(needed)
  [ ${#missing[@]} -gt 0 ] || return 0
  for package in "${missing[@]}"; do
    keep_service_off "$package"
  done
  printf 'setup: installing %s\n' "${missing[*]}"
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# Those of scripts/install-scripts.txt, and no other
run_install_scripts() {
  local packages
  mapfile -t packages < <(awk '$2 == "run" { print $1 }' scripts/install-scripts.txt)
  [ ${#packages[@]} -eq 0 ] || npm rebuild --ignore-scripts=false --foreground-scripts "${packages[@]}"
}

# npm writes this file last, so it stands for a complete installation
install_node_modules() {
  local stamp=node_modules/.package-lock.json
  if [ ! -e "$stamp" ] || [ package-lock.json -nt "$stamp" ]; then
    printf 'setup: npm ci\n'
    npm ci --no-audit --no-fund --loglevel=error
    run_install_scripts
  elif ! binaries_load; then
    printf 'setup: node_modules was installed for another node or machine: npm ci\n'
    npm ci --no-audit --no-fund --loglevel=error
    run_install_scripts
  fi
}

# Asked once for each node: another version, or one for another kind of processor, finds what its predecessor installed.
binaries_load() {
  local stamp=node_modules/.buildfleet-node this
  # shellcheck disable=SC2016 # the dollar signs belong to the program
  this=$(node -p '`${process.version} ${process.platform} ${process.arch}`')
  [ "$(cat "$stamp" 2>/dev/null)" != "$this" ] || return 0
  node scripts/check-binaries.cjs || return 1
  printf '%s\n' "$this" >"$stamp" || true
}

check_node
check_terraform
install_packages
if [ "$profile" = test ]; then
  # Each waits for its own archive: side by side they take as long as the slower one.
  scripts/virtualbox-chroot.sh &
  virtualbox=$!
  install_node_modules
  wait "$virtualbox"
else
  install_node_modules
fi
