#!/usr/bin/env bash
# mmdebstrap's customize hook: turns the installed packages into a build machine that boots by itself.
# usage: customize.sh ROOT, with BUILDFLEET_STAGE, _OUT, _ROOT_UUID, _SOURCE_DATE_EPOCH and the scripts' variables in the environment;
# BUILDFLEET_SCRIPT_VARIABLES names those that only some toolchains have
set -euo pipefail
root=${1:?usage: customize.sh ROOT}
stage=${BUILDFLEET_STAGE:?}
out=${BUILDFLEET_OUT:?}
uuid=${BUILDFLEET_ROOT_UUID:?}
files=$stage/assets/debian/files
inside=/tmp/buildfleet

step() {
  printf 'buildfleet: %s\n' "$*"
}

# Runs a command in the image. It sees nothing of the operator's environment.
in_image() {
  local variable further=()
  for variable in ${BUILDFLEET_SCRIPT_VARIABLES:-}; do further+=("$variable=${!variable-}"); done
  chroot "$root" /usr/bin/env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C TZ=UTC \
    DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 \
    FILES_DIR="$inside/files" TOOLCHAIN="${TOOLCHAIN:?}" \
    GHC_PRIMARY_VERSION="${GHC_PRIMARY_VERSION:?}" CABAL_VERSION="${CABAL_VERSION:?}" \
    BUILD_TIMEZONE="${BUILD_TIMEZONE:?}" BUILD_LOCALE="${BUILD_LOCALE:?}" BUILD_KEYBOARD="${BUILD_KEYBOARD:?}" \
    SOURCE_DATE_EPOCH="${BUILDFLEET_SOURCE_DATE_EPOCH:?}" "${further[@]}" \
    "$@"
}

# Installs a file of the builder, with the file system's UUID filled in.
install_file() { # FILE MODE TARGET
  install -d -m 0755 "$root$(dirname "$3")"
  sed "s/@ROOT_UUID@/$uuid/g" "$files/$1" >"$root$3"
  chmod "$2" "$root$3"
}

# Lines of a list without its comments.
entries() {
  sed 's/#.*//; /^[[:space:]]*$/d' "$1"
}

record_what_was_installed() {
  # shellcheck disable=SC2016 # dpkg-query fills these in
  in_image dpkg-query --show --showformat '${binary:Package} ${Version}\n' >"$out/packages"
  find "$root/var/lib/apt/lists" -maxdepth 1 -name '*Release' -printf '%f\n' | sort |
    while read -r release; do
      printf '%s %s\n' "$release" "$(sha256sum <"$root/var/lib/apt/lists/$release" | cut -d' ' -f1)"
    done >"$out/releases"
}

set_locale_and_time() {
  if [ "$BUILD_LOCALE" != C.UTF-8 ]; then
    printf '%s UTF-8\n' "$BUILD_LOCALE" >"$root/etc/locale.gen"
    in_image locale-gen >/dev/null
  fi
  printf 'LANG=%s\n' "$BUILD_LOCALE" >"$root/etc/default/locale"
  printf 'LANG=%s\n' "$BUILD_LOCALE" >"$root/etc/locale.conf"
  printf 'XKBLAYOUT="%s"\n' "$BUILD_KEYBOARD" >"$root/etc/default/keyboard"
  printf 'KEYMAP=%s\n' "$BUILD_KEYBOARD" >"$root/etc/vconsole.conf"
  if [ ! -f "$root/usr/share/zoneinfo/$BUILD_TIMEZONE" ]; then
    printf 'there is no time zone %s in Debian'\''s tzdata\n' "$BUILD_TIMEZONE" >&2
    exit 1
  fi
  ln -snf "/usr/share/zoneinfo/$BUILD_TIMEZONE" "$root/etc/localtime"
  printf '%s\n' "$BUILD_TIMEZONE" >"$root/etc/timezone"
}

set_up_network() {
  install_file ethernet.network 0644 /etc/systemd/network/80-ethernet.network
  install_file hosts 0644 /etc/hosts
  printf 'localhost\n' >"$root/etc/hostname"
  in_image systemctl --quiet enable systemd-networkd.service
}

# What GHCup downloads is verified by it and not by apt. Names are looked up as on the workstation meanwhile.
lend_downloads() {
  rm -f "$root/etc/resolv.conf"
  if [ -e /etc/resolv.conf ]; then install -m 0644 /etc/resolv.conf "$root/etc/resolv.conf"; fi
  install -d -m 0755 "$root$inside/downloads"
  cp -R "$stage/downloads/." "$root$inside/downloads/"
}

take_new_downloads() {
  local file
  for file in "$root$inside/downloads"/*; do
    if [ -f "$file" ] && ! cmp --silent "$file" "$stage/downloads/${file##*/}"; then
      install -m 0644 "$file" "$out/downloads/"
    fi
  done
}

set_up_names() {
  rm -f "$root/etc/resolv.conf"
  ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
}

trim_boot() {
  local unit
  while read -r unit; do
    ln -snf /dev/null "$root/etc/systemd/system/$unit"
  done < <(entries "$files/masked-units")
  install -d -m 0755 "$root/etc/systemd/system-generators"
  while read -r unit; do
    ln -snf /dev/null "$root/etc/systemd/system-generators/$unit"
  done < <(entries "$files/masked-generators")
  install_file udev-trigger.conf 0644 /etc/systemd/system/systemd-udev-trigger.service.d/buildfleet.conf
  install_file cloud-init-main.conf 0644 /etc/systemd/system/cloud-init-main.service.d/buildfleet.conf
  install_file no-jsonschema.py 0644 /usr/local/lib/buildfleet/cloud-init/jsonschema.py
  install_file buildfleet-late.service 0644 /etc/systemd/system/buildfleet-late.service
  in_image systemctl --quiet disable systemd-resolved.service
  in_image systemctl --quiet enable buildfleet-late.service
  # cloud-init brings a host key or, without a seed, this unit makes one.
  install_file buildfleet-host-key.service 0644 /etc/systemd/system/buildfleet-host-key.service
  in_image systemctl --quiet enable buildfleet-host-key.service
}

# Our own seeds are read without cloud-init, which stays for all others.
set_up_seed() {
  install_file apply_seed.py 0755 /usr/local/lib/buildfleet/apply_seed.py
  install_file buildfleet-seed.service 0644 /etc/systemd/system/buildfleet-seed.service
  install_file cloud-init-unneeded.conf 0644 /etc/systemd/system/cloud-.service.d/buildfleet-seed.conf
  in_image systemctl --quiet enable buildfleet-seed.service
}

# A machine whose memory is saved before it has an identity, and that many VMs are resumed from.
set_up_warm_start() {
  install_file await_identity.py 0755 /usr/local/lib/buildfleet/await_identity.py
  install_file become.py 0755 /usr/local/lib/buildfleet/become.py
  install_file template-generator 0755 /etc/systemd/system-generators/buildfleet-template
  install_file buildfleet-identity.service 0644 /etc/systemd/system/buildfleet-identity.service
  in_image systemctl --quiet enable buildfleet-identity.service
}

run_provisioning_scripts() {
  local script
  while read -r script; do
    if [ "$script" = scripts/generalize.sh ]; then apply_overlays; fi
    step "running $script"
    in_image "$inside/$script"
  done <"$stage/scripts"
}

apply_overlays() {
  # tar and not cp: a directory that is a link in the image (/lib) stays one
  tar --directory "$stage/overlay" --create --numeric-owner --owner=0 --group=0 \
    --mtime="@${BUILDFLEET_SOURCE_DATE_EPOCH:?}" . |
    tar --directory "$root" --extract --no-overwrite-dir --keep-directory-symlink --preserve-permissions
  local mode target
  while read -r mode target; do
    in_image chmod "$mode" "$target"
  done <"$stage/overlay-modes"
}

install_boot_loader() {
  local modules=(biosdisk part_msdos ext2 search_fs_uuid linux16 normal configfile test echo serial terminal)
  install_file fstab 0644 /etc/fstab
  install_file grub.cfg 0644 /boot/grub/grub.cfg
  install_file grub-early.cfg 0644 "$inside/grub-early.cfg"
  in_image grub-mkimage --format i386-pc --prefix /boot/grub --config "$inside/grub-early.cfg" \
    --output "$inside/core.img" "${modules[@]}"
  cat "$root$inside/core.img" >"$out/core.img"
  cat "$root/usr/lib/grub/i386-pc/boot.img" >"$out/boot.img"
  [ -s "$root/initrd.img" ] || in_image update-tirfs
}

install -d -m 0755 "$root$inside"
cp -R "$stage/assets/." "$root$inside/"

record_what_was_installed
step 'setting locale, time zone and network'
set_locale_and_time
set_up_network
if [ -d "$stage/downloads" ]; then lend_downloads; fi
run_provisioning_scripts
if [ -d "$stage/downloads" ]; then take_new_downloads; fi
set_up_names
set_up_seed
set_up_warm_start
trim_boot
step 'installing the boot loader'
install_boot_loader
rm -rf "${root:?}$inside"
