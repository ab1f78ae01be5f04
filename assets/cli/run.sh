#!/bin/bash
# Runs a command in a workspace that session.sh holds:
# run.sh ROOT WORKSPACE SUBDIRECTORY RUN PREPARE COMMAND [ARGUMENT…]
# PREPARE is a script that is evaluated in the workspace before, or empty.
# Writes `RUN STATUS` to the workspace's books at the end: ssh has one exit code for a command's 255 and for a
# connection that broke.
set -u
books=$1/.buildfleet workspace=$2 directory=$1/$2/$3 run=$4 prepare=$5
shift 5
cd "$directory" || exit 1
# Before the lock: session.sh looks at the lock only when this file says that there may be something.
read -r _ _ _ _ group _ </proc/$BASHPID/stat
read -r earlier 2>/dev/null <"$books/$workspace.group"
printf '%s\n' "$group" >"$books/$workspace.group"
# Inherited by everything that is started, so whoever can lock it knows that nothing of this is left.
exec 8>>"$books/$workspace.run" || exit 1
flock --wait 10 8 &
lock=$!
# The terminal interrupts the command, not us: we tell how it ended.
trap : INT
# What it prepares may be prepared while something still runs.
[ -z "$prepare" ] || eval "$prepare"
wait "$lock"
status=$?
if [ "$status" -eq 0 ]; then
  "$@"
  status=$?
  : >"$books/$workspace.group"
else
  printf '%s\n' "$earlier" >"$books/$workspace.group"
  # Above 128 the terminal has interrupted us.
  [ "$status" -gt 128 ] || echo "an earlier build in $directory does not end" >&2
fi
printf '%s %s\n' "$run" "$status" >"$books/$workspace.exit"
exit "$status"
