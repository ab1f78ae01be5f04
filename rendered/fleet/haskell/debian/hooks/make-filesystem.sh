#!/usr/bin/env bash
# mmdebstrap's last customize hook: writes the image's root directory into the disk file, as a file system at 1 MiB.
# No loop device and no mount of the disk: mke2fs copies the directory. It is the image's own mke2fs, so that the result
# does not depend on the workstation's.
# usage: make-filesystem.sh ROOT, with BUILDFLEET_STAGE, _OUT, _ROOT_UUID and _DISK_MIB in the environment
set -euo pipefail
root=${1:?usage: make-filesystem.sh ROOT}
stage=${BUILDFLEET_STAGE:?}
uuid=${BUILDFLEET_ROOT_UUID:?}

# In a mount namespace of its own, where at last the host's /proc, /sys and /dev do not lie over the image's.
if [ "${2-}" != hidden ]; then
  if unshare --mount true; then
    exec unshare --mount -- "$0" "$root" hidden
  fi
else
  # The package cache of the distribution's GHC has the order in which a directory lists its files, which differs from
  # disk to disk, but not on a tmpfs that was filled in order.
  database=$root/var/lib/ghc/package.conf.d
  if [ -d "$database" ]; then
    cp -a "$database" "$root/tmp/confs"
    mount -t tmpfs none "$database"
    cp -a "$root/tmp/confs/"*.conf "$database/"
    chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 ghc-pkg recache --global
    cp "$database/package.cache" "$root/tmp/package.cache"
    umount "$database"
    cat "$root/tmp/package.cache" >"$database/package.cache"
    rm -rf "$root/tmp/confs" "$root/tmp/package.cache"
  fi
  for directory in dev:0755 proc:0555 sys:0555 run:0755 tmp:1777; do
    mount -t tmpfs -o "mode=${directory#*:}" none "$root/${directory%:*}"
  done
fi

printf 'buildfleet: writing the file system\n'
# What packages brought keeps its date, on which Python's caches depend. What this build made gets the newest of those:
# the same in every build, and caches are not older than what they were made from.
newest=$(find "$root" -xdev ! -newer "$stage/started" -printf '%T@\n' | awk '$1 > newest { newest = $1 } END { printf "%d", newest + 1 }')
find "$root" -xdev -newer "$stage/started" -exec touch --no-dereference --date "@$newest" {} +

# From there, because nobody shall learn its path from this argv.
cd "${BUILDFLEET_OUT:?}"
# mke2fs turns every date after SOURCE_DATE_EPOCH into that one, and so the times at which files were copied here.
# assume_storage_prezeroed: the file is sparse, so a guest need not write zeros over its inode tables.
SOURCE_DATE_EPOCH=$newest E2FSPROGS_FAKE_TIME=$newest "$root/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" \
  --library-path "$root/usr/lib/x86_64-linux-gnu" "$root/usr/sbin/mke2fs" \
  -q -F -t ext4 -L buildfleet -U "$uuid" -m 1 -e remount-ro -J size=64 -O '^metadata_csum_seed,^orphan_file' \
  -E "hash_seed=$uuid,lazy_itable_init=1,assume_storage_prezeroed=1,offset=1048576" \
  -d "$root" disk.raw "$(((${BUILDFLEET_DISK_MIB:?} - 1) * 1024))k"
printf 'buildfleet: file system written\n'
