#!/bin/bash
# Runs a command in a workspace that session.sh holds:
# run.sh ROOT WORKSPACE SUBDIRECTORY RUN PREPARE COMMAND [ARGUMENT…]
# PREPARE is a script that is evaluated in the workspace before, or empty.
# Writes `RUN STATUS` to the workspace's books at the end: ssh has one exit code for a command's 255 and for a
# connection that broke.
set -u
books=$1/.buildfleet workspace=$2 directory=$1/${2%%.*}/$3 run=$4 prepare=$5
shift 5
if ! cd "$directory" 2>/dev/null; then
  echo "there is no such directory in the workspace: what git or .buildfleetignore leaves out is not sent: $directory" >&2
  exit 1
fi
read -r _ _ _ _ group _ </proc/$BASHPID/stat
printf '%s\n' "$group" >"$books/$workspace.group"
# Inherited by everything that is started: session.sh ends the processes with this file open as this descriptor.
exec 8>>"$books/$workspace.run" || exit 1
# Nothing here could go on with what Ctrl-Z stops, and the terminal would be dead.
[ ! -t 0 ] || stty susp undef
# The terminal interrupts the command, not this script, which reports the command's end.
trap : INT
[ -z "$prepare" ] || eval "$prepare"
"$@"
status=$?
printf '%s %s\n' "$run" "$status" >"$books/$workspace.exit"
exit "$status"
