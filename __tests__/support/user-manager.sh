#!/bin/sh
# Runs systemd as the manager of a user, apart from the systemd and the cgroups of the machine. Needs root.
# usage: user-manager.sh run CGROUP RUNTIME-DIRECTORY HOME    until SIGTERM
#        user-manager.sh clean CGROUP RUNTIME-DIRECTORY HOME  ends what such a manager has left behind
set -eu
command=$1 cgroup=$2 runtime=$3 home=$4

# a mount namespace of our own, then a cgroup namespace whose root is a group of our own
if [ -z "${IN_NAMESPACE:-}" ]; then
  exec env IN_NAMESPACE=mount unshare --mount --propagation private -- "$0" "$@"
fi
if [ "$IN_NAMESPACE" = mount ]; then
  hierarchy=$runtime/cgroup
  mkdir -p "$hierarchy"
  mount -t cgroup2 none "$hierarchy"
  if [ "$command" = clean ]; then
    [ ! -d "$hierarchy/$cgroup" ] || {
      echo 1 >"$hierarchy/$cgroup/cgroup.kill"
      while grep -q 'populated 1' "$hierarchy/$cgroup/cgroup.events"; do sleep 0.1; done
      find "$hierarchy/$cgroup" -depth -type d -exec rmdir '{}' ';'
    }
    exit 0
  fi
  mkdir -p "$hierarchy/$cgroup"
  echo $$ >"$hierarchy/$cgroup/cgroup.procs"
  umount "$hierarchy"
  exec env IN_NAMESPACE=cgroup unshare --cgroup -- "$0" "$@"
fi

umount --recursive --lazy /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
# systemd runs as a user's manager only where systemd has booted the machine
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/systemd/system
for systemd in /usr/lib/systemd/systemd /lib/systemd/systemd; do [ ! -x "$systemd" ] || break; done
exec env -i "PATH=$PATH" "HOME=$home" "XDG_RUNTIME_DIR=$runtime" SYSTEMD_LOG_TARGET=console "$systemd" --user
