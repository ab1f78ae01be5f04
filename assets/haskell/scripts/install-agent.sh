#!/bin/sh
# Puts the tunnel, the agent, the helper, the clock, sshd's settings and the accounts for them into the image being built.
# Runs as root inside the image, after install-haskell.sh and before generalize.sh; FILES_DIR holds assets/haskell/files.
set -eu
: "${FILES_DIR:?directory with the files to install}"

for account in build-tunnel build-agent build-clock; do
  getent passwd "$account" >/dev/null ||
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$account"
done

install -d -m 0755 /usr/local/lib/buildfleet /etc/buildfleet /etc/ssh/authorized_keys.d /etc/ssh/sshd_config.d
install -m 0755 "$FILES_DIR/build-agent.py" "$FILES_DIR/build-helper.py" "$FILES_DIR/build-clock.py" \
  /usr/local/lib/buildfleet/
install -m 0755 "$FILES_DIR/buildfleet-helper" /usr/local/bin/buildfleet-helper
install -m 0600 "$FILES_DIR/build-agent.env.template" /etc/build-agent.env
for unit in build-tunnel.service build-agent.service build-hub.socket build-hub.service build-helper.socket \
  build-helper@.service build-clock.socket build-clock@.service; do
  install -m 0644 "$FILES_DIR/$unit" "/etc/systemd/system/$unit"
done
systemctl enable build-tunnel.service build-agent.service build-hub.socket build-helper.socket build-clock.socket
# The workstation's clock counts, by which the sources have their times, and no second one.
systemctl mask systemd-timesyncd.service chrony.service

# Checks sshd's settings. It wants this directory, and the host keys that its package makes, for that; -G, which wants
# neither, came with 9.3.
accepts_sshd_settings() { # OPTION...
  install -d -m 0755 /run/sshd
  sshd -t "$@"
}

# sshd keeps the first value it reads, so this file stands before the distribution's and cloud-init's.
install -m 0644 "$FILES_DIR/sshd-buildfleet.conf" /etc/ssh/sshd_config.d/01-buildfleet.conf
# sshd 9.8 and later shut out an address that connects without logging in; every developer's is localhost, and so is
# that of whoever asks whether the tunnel is alive. Older ones do not know the word.
if accepts_sshd_settings -o PerSourcePenalties=no 2>/dev/null; then
  printf 'PerSourcePenalties no\n' >/etc/ssh/sshd_config.d/02-buildfleet-penalties.conf
  chmod 0644 /etc/ssh/sshd_config.d/02-buildfleet-penalties.conf
fi
# Accepted variables add up over all files, so the distribution's have to go where they stand.
sed -i 's/^[[:space:]]*AcceptEnv/#&/' /etc/ssh/sshd_config
accepts_sshd_settings

# The only host key is the one that the seed brings.
systemctl mask sshd-keygen.service
# A socket would make ssh.service start, and read the host key, only when somebody connects.
if [ -e /usr/lib/systemd/system/ssh.socket ]; then
  systemctl disable ssh.socket
fi
systemctl enable ssh.service

install -m 0644 "$FILES_DIR/cloud-buildfleet.cfg" /etc/cloud/cloud.cfg.d/95-buildfleet-seed.cfg
# Network devices come and go by systemd-networkd or netplan; cloud-init has nothing to do with them.
systemctl mask cloud-init-hotplugd.socket

if [ -e /usr/lib/systemd/systemd-resolved ]; then
  install -D -m 0644 "$FILES_DIR/resolved-buildfleet.conf" /etc/systemd/resolved.conf.d/buildfleet.conf
fi
