#!/bin/bash
# Stands in front of an rsync that was started before session.sh was ready: receive.sh ROOT WORKSPACE TOKEN, then what
# rsync is called with. Nothing is read or written before session.sh has noted the token.
# The login shell evaluates it, which may be any; a bash needs no further program to wait.
books=$1/.buildfleet workspace=$2 token=$3 tries=0
shift 3
until { read -r _ && read -r _ && read -r found; } 2>/dev/null <"$books/$workspace.who" && [ "$found" = "$token" ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 400 ]; then
    echo "buildfleet: not ready" >&2
    exit 75
  fi
  if [ -n "${BASH_VERSION-}" ] && [ -p "$books/nap" ]; then
    # shellcheck disable=SC3045 # bash has it
    read -r -t 0.02 _ <>"$books/nap"
  else
    sleep 0.05
  fi
done
exec rsync "$@"
