#!/bin/bash
# Keeps new builds off a build machine and prints the running ones: drain.sh ROOT
# Prints `building WORKSPACE WHO` for each workspace in use, then `round`, every second until its input ends.
# As long as this runs it holds the lock ROOT/.buildfleet/draining, which session.sh and probe.sh look at: nothing is
# left to revert when this script, the connection or the deploy dies.
set -u
shopt -s nullglob
books=$1/.buildfleet
mkdir -p "$books" || exit 1
exec 9>>"$books/draining" || exit 1

while :; do
  # probe.sh and session.sh have it for a moment only.
  flock --wait 1 9 || echo "building - another deploy, which stops this machine"
  # A build has the lock, and so has a session that was opened before this one and may be about to build.
  for lock in "$books"/*.lock; do
    flock --nonblock --shared "$lock" true && continue
    workspace=${lock##*/} workspace=${workspace%.lock}
    read -r who 2>/dev/null <"$books/$workspace.who" || who='an unknown user'
    echo "building $workspace $who"
  done
  echo round
  read -r -t 1 _
  # More than 128: a second is over, and the deploy is still there.
  [ $? -gt 128 ] || exit 0
done
