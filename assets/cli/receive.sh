#!/bin/sh
# Receives a project in a workspace, as the program that rsync starts there: receive.sh WORKSPACE BOOKS RUN SETTLED RSYNC…
# What rsync replaces or deletes goes to BOOKS.aside-RUN, its --backup-dir, and is listed on standard
# error afterwards: `aside MTIME SIZE PATH` between zero bytes. The client keeps of that what the VM had changed (keep.sh).
# SETTLED are the runs that their clients have looked through, so the rest of them can go. Of others that are there `left RUN`
# is listed: what an ended client has left, where this RUN has held the workspace. A RUN that has sent lists `after RUN`, the
# one that had sent before.
# The text stands in a function, before the arguments that rsync adds: it is begun before session.sh holds the workspace,
# and rsync waits for that. A client that gives up waiting ends it while another one has the workspace.
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
  left=${left#"$books.aside-"}
  case " $settled " in *" $left "*) rm -rf "$books.aside-$left" && continue ;; esac
  case $left in '*' | "$run") ;; *) printf '\0left %s\0' "$left" >&2 ;; esac
done
if [ -d "$books.aside-$run" ]; then
  find "$books.aside-$run" -type f -printf '\0aside %T@ %s %P\0' >&2
fi
# All, or all but some files.
case $status in
  0 | 23 | 24)
    last=''
    read -r last 2>/dev/null <"$books.sent"
    printf '\0after %s\0' "$last" >&2
    printf '%s\n' "$run" >"$books.sent"
    ;;
esac
return "$status"
