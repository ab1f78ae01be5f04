#!/bin/bash
# Holds a workspace of a build machine for one user of it: session.sh ROOT WORKSPACE WHO
# Says `waiting WHO` when somebody else has it, then `ready`, and keeps it until its input ends.
# In ROOT/.buildfleet are, of each workspace: .lock, held by this script; .who, for those who wait, and the time; .run,
# held by what is built (run.sh); .group, its process group, empty when nothing is; .exit, how the last run ended.
# A build waits for this script, and each program that it starts takes an emulated machine a while.
set -u
root=$1 workspace=$2 who=$3
case $workspace in
  '' | *[!a-z0-9-]*)
    echo "refused $workspace is no name of a workspace"
    exit 1
    ;;
esac
books=$root/.buildfleet
[ -d "$books" ] || if ! mkdir -p "$books"; then
  echo "refused $books cannot be made"
  exit 1
fi
if [ -L "$root/$workspace" ] || { [ -e "$root/$workspace" ] && [ ! -d "$root/$workspace" ]; }; then
  echo "refused $root/$workspace is not a directory"
  exit 1
fi

if ! exec 9>>"$books/$workspace.lock"; then
  echo "refused $books/$workspace.lock cannot be opened"
  exit 1
fi
if ! flock --nonblock 9; then
  read -r holder 2>/dev/null <"$books/$workspace.who" || holder=somebody
  echo "waiting $holder"
  until flock --wait 1 9; do
    read -r -t 0.01 _
    # Up to 128: our input has ended, so nobody waits any more.
    [ $? -gt 128 ] || exit 0
  done
fi
printf '%s\n%(%s)T\n' "$who" -1 >"$books/$workspace.who"

# Ends what is built in the workspace, with everything that it started.
end_run() {
  read -r group 2>/dev/null <"$books/$workspace.group" || return 0
  case $group in '' | *[!0-9]*) return 0 ;; esac
  kill -TERM -- "-$group" 2>/dev/null
  flock --wait 5 8 && return 0
  kill -KILL -- "-$group" 2>/dev/null
  flock --wait 5 8
}

# What still runs belongs to somebody whose connection is gone; probe.sh has the lock for a moment only.
if [ -s "$books/$workspace.group" ]; then
  exec 8>>"$books/$workspace.run"
  flock --wait 1 8 || end_run
  exec 8>&-
fi

if ! { [ -d "$root/$workspace" ] || mkdir -p "$root/$workspace"; }; then
  echo "refused $root/$workspace cannot be made"
  exit 1
fi
# drain.sh looks at our lock after it has taken its own, so one of us sees the other.
if [ -e "$books/draining" ] && ! flock --nonblock --shared "$books/draining" true; then
  echo draining
  exit 0
fi
echo ready
# Our input ends when the connection does. Then what is below is done first.
while read -r _; do :; done
if [ -s "$books/$workspace.group" ]; then
  exec 8>>"$books/$workspace.run"
  flock --wait 1 8 || end_run
fi
