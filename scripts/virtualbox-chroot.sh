#!/usr/bin/env bash
# Makes a directory with Debian's VirtualBox in it and a program VBoxManage that runs there, for tests on machines whose
# own distribution has no VirtualBox. Installs and starts nothing. Does nothing when it is there. A VM cannot be started
# with it: that takes the kernel driver.
# usage: virtualbox-chroot.sh [DIRECTORY]    default: .cache/virtualbox below the project
set -euo pipefail
script=$(readlink -f "$0")
directory=$(realpath -m "${1:-$(dirname "$script")/../.cache/virtualbox}")
unfinished=$directory.new

fail() {
  printf 'virtualbox-chroot: %s\n' "$*" >&2
  exit 1
}

finished() {
  cmp -s "$script" "$directory/made-by"
}

# The Debian archive among the machine's apt sources; nothing leaves the choice to mmdebstrap.
mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    awk '/^[ \t]*deb[ \t]|^URIs:/ { for (i = 2; i <= NF; i++) if ($i ~ /^(https?|file):\/\/.*\/debian\/?$/) { print $i; exit } }'
}

# How this machine reaches its archives: proxies, clocks that are off.
apt_settings() {
  apt-config dump | grep -E '^Acquire::(https?::|Check-|Retries)' || true
  printf '%s\n' 'Acquire::Languages "none";'
}

# Satisfies the dependencies of what only builds the kernel driver or shows windows: seven hundred megabytes.
# shellcheck disable=SC2016 # mmdebstrap expands it
leave_out='mkdir -p "$1/var/lib/dpkg" && printf "%s\n" "Package: left-out" "Status: install ok installed" "Version: 1" "Architecture: all" "Maintainer: nobody" "Provides: virtualbox-modules, python3 (= 99), python3-packaging (= 99), libgl1 (= 99), libsdl2-2.0-0 (= 99), iproute2 (= 99)" "Description: stands for packages that are left out" "" >>"$1/var/lib/dpkg/status"'

# `extract` unpacks the packages and runs none of their scripts. The start script of VirtualBox needs the other programs,
# and texts in other languages need the locale C.UTF-8 of libc-bin.
packages=virtualbox,dash,coreutils,grep,mawk,procps,libc-bin

# VBoxManage's own texts in other languages lie in the package of its windows, of which nothing else is wanted.
# shellcheck disable=SC2016 # mmdebstrap expands it
translations='cd "$1" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -q -o APT::Sandbox::User=root download virtualbox-qt >/dev/null && dpkg-deb --fsys-tarfile virtualbox-qt_*.deb | tar -x --wildcards "./usr/share/virtualbox/nls/VBoxManageNls_*" "./usr/share/virtualbox/nls/VirtualBoxAPI_*" && rm virtualbox-qt_*.deb'

build() {
  local settings uri
  settings=$unfinished/apt.conf
  apt_settings >"$settings"
  uri=$(mirror)
  mmdebstrap --quiet --variant=extract --format=tar --components=main,contrib --include="$packages" \
    --aptopt="$settings" --setup-hook="$leave_out" --extract-hook="$translations" sid - ${uri:+"$uri"} |
    tar -x -C "$unfinished" --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/locale' ./usr
  ln -s mawk "$unfinished/usr/bin/awk"
  rm "$settings"
  cat >"$unfinished/VBoxManage" <<'PROGRAM'
#!/bin/sh
# Runs VBoxManage with the /usr beside this file instead of the machine's; every other path is the machine's own. Its
# VBoxSVC lives on for some seconds after the last call, and does not see what is mounted after its start.
# VBOX_USER_HOME and VBOX_IPC_SOCKETID tell users apart.
[ "$(id -u)" -eq 0 ] && root= || root=--map-root-user
# shellcheck disable=SC2016 # the inner shell expands it
exec unshare $root --mount sh -c 'mount --bind "$0" /usr && exec /usr/bin/VBoxManage "$@"' "${0%/*}/usr" "$@"
PROGRAM
  chmod 755 "$unfinished" "$unfinished/VBoxManage"
  cp "$script" "$unfinished/made-by"
}

finished && exit 0
for program in mmdebstrap flock unshare; do
  command -v "$program" >/dev/null || fail "$program is missing: install the package mmdebstrap or util-linux"
done
mkdir -p "$(dirname "$directory")"
# Processes of a killed call keep the lock until they have ended, too.
exec 9>"$directory.lock"
flock 9
finished && exit 0
printf 'virtualbox-chroot: making %s\n' "$directory"
rm -rf "$unfinished"
mkdir "$unfinished"
build || fail 'no VirtualBox could be made: read the messages above'
version=$("$unfinished/VBoxManage" --version | tail -n 1)
case $version in
  [0-9]*.[0-9]*.[0-9]*) ;;
  *) fail "the VBoxManage that was made does not work: $version" ;;
esac
rm -rf "$directory"
mv "$unfinished" "$directory"
printf 'virtualbox-chroot: VirtualBox %s\n' "$version"
