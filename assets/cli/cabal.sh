#!/bin/bash
# Prepares a build machine for cabal; run.sh evaluates it in the workspace.
# Without a package index cabal asks Hackage for one before it does anything, and fails where there is no network, also
# when the project needs nothing but installed packages. Then it is told that there is no repository.
set -u
has_index() {
  local index
  for index in "${XDG_CACHE_HOME:-$HOME/.cache}"/cabal/packages/*/*-index.tar ~/.cabal/packages/*/*-index.tar; do
    [ ! -e "$index" ] || return 0
  done
  # The project may bring repositories of its own.
  [ -e cabal.project ] || [ -e cabal.project.local ] || return 1
  grep -qs '^repository ' cabal.project cabal.project.local
}
if [ -z "${CABAL_CONFIG-}" ] && ! has_index; then
  config=${XDG_CACHE_HOME:-$HOME/.cache}/buildfleet/without-repository
  [ -d "${config%/*}" ] || mkdir -p "${config%/*}"
  printf '%s\n' '-- there is no package index' >"$config" && export CABAL_CONFIG=$config
  echo "there is no package index on $HOSTNAME: only installed packages can be used until \`cabal update\` was run there" >&2
fi
