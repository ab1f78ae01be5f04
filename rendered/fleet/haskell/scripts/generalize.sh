#!/usr/bin/env bash
# Removes what must not be the same on two machines, or must not leave the place where the image was built.
# Runs as root inside the image, last.
set -euo pipefail

# Identity: made at the first boot, or brought by the seed.
rm -f /etc/ssh/ssh_host_* /var/lib/systemd/random-seed /var/lib/systemd/credential.secret /var/lib/dbus/machine-id
rm -f /etc/machine-id
install -m 0444 /dev/null /etc/machine-id
rm -rf /var/lib/cloud /var/lib/dhcp /run/cloud-init
install -d -m 0755 /var/lib/cloud
rm -f /root/.ssh/* /home/*/.ssh/authorized_keys /etc/sudoers.d/90-cloud-init-users

# No account has a password.
awk -F: '$2 ~ /^\$/ || $2 == "" { print $1 }' /etc/shadow | while read -r account; do
  usermod --password '*' "$account"
done
# Backups of the account files would tell of states in between.
rm -f /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid-

# How packages came here, and traces of having been here.
rm -f /etc/apt/apt.conf.d/*mmdebstrap /etc/dpkg/dpkg.cfg.d/*mmdebstrap /var/cache/ldconfig/aux-cache
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old
rm -rf /root/.bash_history /home/*/.bash_history /root/.cache /home/*/.cache /root/.wget-hsts
find /var/log -type f -delete
find /var/tmp -mindepth 1 -delete

# The parts of the first boot that compare dates have nothing to do.
touch /etc/.updated /var/.updated
