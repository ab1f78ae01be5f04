#!/usr/bin/env bash
# Removes what must not be the same on two machines, or must not leave the place where the image was built.
# Runs as root inside the image, last; in a chroot as well as in a running machine.
# usage: generalize.sh [power-off]
#
# BUILD_ACCOUNT names the account that a running machine is built through, root or one that its installer made. It is
# logged in and has to give one more command, and a running system goes on writing logs and saves a random seed while it
# stops. So with such an account this script leaves the way in, and a copy of itself in /run, which is in memory.
# `bash /run/buildfleet/generalize.sh power-off` (/run allows no execution) removes the account, its right to use sudo and
# all that was written meanwhile, and switches the machine off without stopping services.
set -euo pipefail

stage=/run/buildfleet

# Identity: made at the first boot, or brought by the seed.
remove_identity() {
  rm -f /etc/ssh/ssh_host_* /var/lib/systemd/credential.secret /var/lib/dbus/machine-id
  # cloud-init clean, before this, leaves a word in it.
  rm -f /etc/machine-id
  install -m 0444 /dev/null /etc/machine-id
  rm -rf /var/lib/dhcp /var/lib/dhcpcd /run/cloud-init
  rm -f /var/lib/NetworkManager/*lease* /var/lib/NetworkManager/secret_key
  rm -f /etc/ssl/private/ssl-cert-snakeoil.key /etc/ssl/certs/ssl-cert-snakeoil.pem
  rm -rf /var/lib/snapd/device
  # The initiator of open-iscsi makes its name when it finds this.
  if [ -e /etc/iscsi/initiatorname.iscsi ]; then printf 'GenerateName=yes\n' >/etc/iscsi/initiatorname.iscsi; fi
}

remove_seed() {
  # Runs what the distribution and its installer want run; what matters is removed below, whatever this does.
  if [ -e /var/lib/cloud/data ] || [ -e /var/lib/cloud/instances ] || [ -e /var/lib/cloud/seed ]; then
    cloud-init clean --logs --seed --machine-id ||
      printf 'generalize: cloud-init clean failed; what it removes is removed without it\n'
  fi
  rm -rf /var/lib/cloud /var/lib/buildfleet/instance-id
  install -d -m 0755 /var/lib/cloud
  # Ubuntu's installer tells the installed system to look for no seed, and to switch cloud-init off after one boot.
  rm -f /etc/cloud/cloud-init.disabled /etc/cloud/ds-identify.cfg /etc/cloud/clean.d/99-installer \
    /etc/cloud/cloud.cfg.d/20-disable-cc-dpkg-grub.cfg /etc/cloud/cloud.cfg.d/90-installer-network.cfg \
    /etc/cloud/cloud.cfg.d/99-installer.cfg /etc/cloud/cloud.cfg.d/curtin-preserve-sources.cfg \
    /etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg
}

# An installer writes down the card that it saw, and another machine has another one. networkd names a machine to DHCP
# by its machine-id, unless told to use the card's address.
forget_network_cards() {
  local file
  rm -f /etc/udev/rules.d/70-persistent-net.rules
  for file in /etc/systemd/network/*; do
    if [ -f "$file" ] && grep -qiE '^[[:space:]]*(Permanent)?MACAddress=' "$file"; then rm -f "$file"; fi
  done
  if compgen -G '/etc/netplan/*.yaml' >/dev/null; then
    rm -f /etc/netplan/*.yaml
    cat >/etc/netplan/50-buildfleet.yaml <<'NETPLAN'
network:
  version: 2
  ethernets:
    any:
      match: {name: "e*"}
      dhcp4: true
      optional: true
NETPLAN
    chmod 0600 /etc/netplan/50-buildfleet.yaml
  fi
}

# Whose name the machine had while it was built.
forget_name() {
  printf 'localhost\n' >/etc/hostname
  sed -i '/^127\.0\.1\.1[[:space:]]/d' /etc/hosts
}

remove_credentials() {
  local account shadow
  rm -f /home/build/.ssh/authorized_keys /etc/sudoers.d/90-cloud-init-users
  # No account has a password.
  awk -F: '$2 !~ /^[!*]+$/ { print $1 }' /etc/shadow | while read -r account; do
    usermod --password '*' "$account"
  done
  # Packages make accounts with the day of the build, whatever day the build is to be of.
  if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
    shadow=$(awk -F: -v OFS=: -v day="$((SOURCE_DATE_EPOCH / 86400))" '$3 > day { $3 = day } { print }' /etc/shadow)
    printf '%s\n' "$shadow" >/etc/shadow
  fi
}

# How packages came here, and traces of having been here.
remove_package_lists() {
  rm -f /etc/apt/apt.conf.d/*mmdebstrap /etc/dpkg/dpkg.cfg.d/*mmdebstrap /var/cache/ldconfig/aux-cache
  rm -f /etc/apt/apt.conf.d/90curtin-aptproxy
  apt-get clean
  rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old
}

# The parts of the first boot that compare dates have nothing to do.
mark_updated() {
  touch /etc/.updated /var/.updated
}

# What a running system writes again.
remove_traces() {
  rm -f /var/lib/systemd/random-seed /boot/loader/random-seed /boot/efi/loader/random-seed
  rm -f /root/.*_history /home/*/.*_history /root/.lesshst /home/*/.lesshst /root/.viminfo /home/*/.viminfo
  rm -rf /root/.cache /home/*/.cache /root/.wget-hsts /home/*/.wget-hsts /home/*/.gnupg/random_seed
  rm -rf /var/log/installer /var/log/journal/* /var/lib/sudo/lectured /var/crash/*
  find /var/log -ignore_readdir_race -type f -delete
  find /var/tmp -ignore_readdir_race -mindepth 1 -delete
}

# Backups of the account files would tell of states in between.
remove_account_backups() {
  rm -f /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid-
}

# The ways in that the build used.
remove_build_access() { # ACCOUNT, or nothing
  local rule
  rm -f /root/.ssh/* /home/*/.ssh/authorized_keys /etc/sudoers.d/90-buildfleet-build-time
  rm -f /etc/ssh/authorized_keys.d/* /etc/ssh/sshd_config.d/00-buildfleet-build-time.conf
  case $1 in '' | root | build) return ;; esac
  for rule in /etc/sudoers.d/*; do
    if [ -f "$rule" ] && grep -qE "^[[:space:]]*$1[[:space:]]" "$rule"; then rm -f "$rule"; fi
  done
  # Force: it is logged in. That it has no mail is no failure, though userdel says so.
  userdel --force --remove "$1" || true
  if getent passwd "$1" >/dev/null; then
    printf 'generalize: the account %s cannot be removed\n' "$1" >&2
    exit 1
  fi
}

check_account() { # NAME
  if ! getent passwd "$1" >/dev/null; then
    printf 'generalize: there is no account %s\n' "$1" >&2
    exit 1
  fi
}

case ${1:-} in
  '') ;;
  power-off)
    cd /
    remove_build_access "$(cat "$stage/build-account")"
    remove_traces
    find /tmp -ignore_readdir_race -mindepth 1 -delete
    remove_account_backups
    mark_updated
    rm -rf "$stage"
    # Blocks that are in use no more need no room in the image, if the disk can tell.
    fstrim --all 2>/dev/null || true
    sync
    # Force: a service that is stopped may write a new random seed, and there may be no bus.
    exec systemctl poweroff --force
    ;;
  *)
    printf 'usage: generalize.sh [power-off]\n' >&2
    exit 64
    ;;
esac

account=${BUILD_ACCOUNT:-}
if [ -n "$account" ]; then check_account "$account"; fi

remove_seed
remove_identity
forget_network_cards
remove_credentials
remove_package_lists
# The journal's files are gone for good only when journald has let go of them.
if [ -d /run/systemd/system ]; then journalctl --relinquish-var || true; fi
remove_traces

if [ -z "$account" ]; then
  remove_build_access ''
  remove_account_backups
  mark_updated
else
  forget_name
  install -D -m 0700 "$0" "$stage/generalize.sh"
  printf '%s\n' "$account" >"$stage/build-account"
fi
