#!/bin/bash
# Prints the facts of a build machine, one NAME=VALUE a line: vm-facts.sh ROOT
# Unknown facts are left out.
set -u
root=$1

say() { # NAME VALUE
  [ -z "$2" ] || printf '%s=%s\n' "$1" "$2"
}

memory() { # FIELD
  sed -n "s/^$1: *\([0-9]*\) kB/\1/p" /proc/meminfo
}

# Every full version has a command of its own, from GHCup as from the distribution: ghc-9.6.6.
ghc_versions() {
  local directory command
  local -a directories
  IFS=: read -ra directories <<<"$PATH"
  for directory in "${directories[@]}"; do
    for command in "$directory"/ghc-[0-9]*.[0-9]*.[0-9]*; do
      [ -x "$command" ] && printf '%s\n' "${command##*/ghc-}"
    done
  done | sort --version-sort --reverse --unique | paste --serial --delimiters=,
}

# shellcheck disable=SC1091 # a file of the machine's own
say system "$(. /etc/os-release 2>/dev/null && printf '%s' "${PRETTY_NAME:-}")"
say kernel "$(uname -r)"
say architecture "$(uname -m)"
say user "$(id -un)"
say ghc "$(ghc --numeric-version 2>/dev/null)"
say ghcs "$(ghc_versions)"
say cabal "$(cabal --numeric-version 2>/dev/null)"
say cores "$(nproc)"
say memory "$(($(memory MemTotal) / 1024))"
say memory-free "$(($(memory MemAvailable) / 1024))"
read -r size available < <(df --output=size,avail --block-size=1M "$root" 2>/dev/null | tail --lines=1)
say disk "${size:-}"
say disk-free "${available:-}"
read -r load _ </proc/loadavg
say load "$load"
read -r uptime _ </proc/uptime
say uptime "${uptime%.*}"
