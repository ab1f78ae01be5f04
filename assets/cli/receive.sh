#!/bin/sh
# Receives a project in a workspace, as the program that rsync starts there: receive.sh WORKSPACE BOOKS RUN SETTLED RSYNC…
# What rsync replaces or deletes goes to BOOKS.aside-RUN, its --backup-dir, and is listed on standard
# error afterwards: `aside MTIME SIZE PATH` between zero bytes. The client keeps of that what the VM had changed (keep.sh).
# SETTLED is a run that its client has looked through, so the rest of it can go; what an ended client has not is kept.
# The text stands in a function, before the arguments that rsync adds: it is begun before session.sh holds the workspace,
# and rsync waits for that.
workspace=$1 books=$2 run=$3 settled=$4
shift 4
# Signs of a directory that cabal builds in, by any name. rsync deletes nothing where this mark is: see ignore-rules.ts.
for sign in "$workspace"/*/cache/improved-plan "$workspace"/*/setup-config; do
  directory=${sign#"$workspace"/}
  directory=$workspace/${directory%%/*}
  if [ -e "$sign" ] && [ ! -L "$directory" ] && [ ! -e "$directory/.buildfleet-built" ]; then
    printf '*\0' >"$directory/.buildfleet-built"
  fi
done
"$@"
status=$?
for left in "$books".aside-*; do
  case $left in "$books.aside-*" | "$books.aside-$run") continue ;; esac
  if [ "$left" != "$books.aside-$settled" ]; then
    mkdir -p "$books.kept"
    cp -alf "$left/." "$books.kept/" || continue
  fi
  rm -rf "$left"
done
if [ -d "$books.aside-$run" ]; then
  find "$books.aside-$run" -type f -printf '\0aside %T@ %s %P\0' >&2
fi
return "$status"
