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
# A distribution has the profiling libraries of its GHC in a package of their own. Without them GHC says of the first
# module that it cannot be found. The words of the command count, and what the project says where they do not tell.
lacks_profiling() { # COMMAND [ARGUMENT…]
  local LC_ALL=C directory=$PWD file text project='' word wanted='' compiler='' libraries base
  until [ -e "$directory/cabal.project" ] || [ -z "$directory" ]; do directory=${directory%/*}; done
  for file in "$directory"/cabal.project{.local,}; do
    text=''
    { read -r -d '' text <"$file"; } 2>/dev/null
    project+=$'\n'$text
  done
  shopt -s nocasematch
  [[ $project =~ $'\n'[[:space:]]*(library-)?profiling:[[:space:]]*true ]] && wanted=yes
  [[ $project =~ $'\n'"with-compiler:"[[:space:]]*([^[:space:]]+) ]] && compiler=${BASH_REMATCH[1]}
  shopt -u nocasematch
  for word; do
    case $word in
      --enable-profiling | --enable-library-profiling) wanted=yes ;;
      --disable-profiling) wanted='' ;;
      --with-compiler=*) compiler=${word#*=} ;;
      --) break ;;
    esac
  done
  [ -n "$wanted" ] && libraries=$("${compiler:-ghc}" --print-libdir 2>/dev/null) || return 1
  for base in "$libraries"/*/base-*/Prelude.hi "$libraries"/base-*/Prelude.hi; do
    [ ! -e "$base" ] || [ -e "${base%.hi}.p_hi" ] || return 0
  done
  return 1
}
if lacks_profiling "$@"; then
  printf '%s\n' "$HOSTNAME lacks the libraries with profiling that every module needs:" \
    "\`buildfleet add-package --vm $HOSTNAME ghc-prof\` installs those of the distribution's GHC. A library of the" \
    'distribution has its own in libghc-NAME-prof, and GHCup brings them with each GHC.' >&2
  exit 1
fi
# The first build for a GHC makes the database of cabal's store, and of two at once the second fails of that: the others
# wait until it is there. What ends without having made it lets the next one go on, and so does what takes longer than it
# takes to make one: a command may need no store.
STORE_SECONDS=20
has_store() { # COMPILER, or the begin of its name
  local database
  for database in ~/.local/state/cabal/store/"$1"*/package.db/package.cache ~/.cabal/store/"$1"*/package.db/package.cache; do
    [ ! -e "$database" ] || return 0
  done
  return 1
}
await_store() { # COMMAND [ARGUMENT…]
  local word compiler=ghc- lock=${XDG_CACHE_HOME:-$HOME/.cache}/buildfleet/first-build began=$SECONDS
  for word; do
    case $word in
      --with-compiler=ghc-*) compiler=${word#*=} ;;
      --) break ;;
    esac
  done
  ! has_store "$compiler" || return 0
  [ -d "${lock%/*}" ] || mkdir -p "${lock%/*}"
  # Held by the command and what it starts.
  exec 6>>"$lock" || return 0
  until flock --wait 0.2 6; do
    if has_store "$compiler" || ((SECONDS - began > STORE_SECONDS)); then
      exec 6>&-
      return
    fi
  done
}
await_store "$@"
