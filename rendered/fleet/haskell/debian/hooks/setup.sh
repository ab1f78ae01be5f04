#!/usr/bin/env bash
# mmdebstrap's setup hook: what has to be there before the first package is unpacked.
# usage: setup.sh ROOT, with BUILDFLEET_STAGE and BUILD_LOCALE in the environment
set -euo pipefail
root=${1:?usage: setup.sh ROOT}
files=${BUILDFLEET_STAGE:?}/assets/debian/files

install -D -m 0644 "$files/dpkg-excludes" "$root/etc/dpkg/dpkg.cfg.d/buildfleet-excludes"
printf 'path-include=/usr/share/locale/%s/*\n' "${BUILD_LOCALE%%.*}" "${BUILD_LOCALE%%_*}" \
  >>"$root/etc/dpkg/dpkg.cfg.d/buildfleet-excludes"
# The first initrd is made while the kernel is installed.
install -D -m 0644 "$files/tiny-initramfs.conf" "$root/etc/tiny-initramfs/tiny-initramfs.conf"
install -D -m 0644 "$files/reproducible-initrd" "$root/etc/tiny-initramfs/hooks.start/buildfleet"
