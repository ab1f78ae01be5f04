#!/bin/bash
# Prints the present state of a build machine, and of a workspace on it: probe.sh ROOT WORKSPACE
# A build waits for this script, and each program that it starts takes an emulated machine a while.
set -u
root=$1 workspace=$2 books=$1/.buildfleet
read -r load _ </proc/loadavg
echo "load $load"
while read -r name kibibytes _; do
  [ "$name" != MemAvailable: ] || break
done </proc/meminfo
echo "memory-free $((kibibytes / 1024))"
[ ! -x ~/.ghcup/bin/ghcup ] || echo ghcup
if [ -d "$root/$workspace" ]; then
  # The second line says when.
  { read -r _ && read -r used; } 2>/dev/null <"$books/$workspace.who"
  echo "workspace ${used:-0}"
fi
if [ -e "$books/draining" ]; then
  flock --nonblock --shared "$books/draining" true || echo draining
fi
for group in "$books"/*.group; do
  # The group in the file may have ended with the machine.
  if [ -s "$group" ]; then
    building=${group%.group}
    flock --nonblock --shared "$building.run" true || echo "building ${building##*/}"
  fi
done
