#!/usr/bin/env bash
# Proves the whole chain on one machine: tunnel, compiler, hub entry, a build with its result fetched back.
# BUILDFLEET names the CLI; without it, the one on the path, else the one of the project that this file lies in.
# The fleet is the one described beside this file; BUILDFLEET_FLEET is ignored.
# usage: smoke-test.sh VM
set -euo pipefail

unset CDPATH
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vm=${1:?usage: smoke-test.sh VM}

find_cli() {
  if [ -n "${BUILDFLEET:-}" ]; then
    printf '%s\n' "$BUILDFLEET"
  elif command -v buildfleet; then
    return
  else
    # as seen from cdktf.out/stacks/STACK and from rendered/STACK
    local up
    for up in ../../.. ../..; do
      if [ -x "$here/$up/bin/buildfleet" ]; then
        printf '%s\n' "$here/$up/bin/buildfleet"
        return
      fi
    done
    printf 'smoke-test: there is no buildfleet command: set BUILDFLEET to its path\n' >&2
    return 1
  fi
}

cli=$(find_cli)
exec "$cli" smoke "$vm" --fleet "$here/fleet.json"
