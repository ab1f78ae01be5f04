#!/bin/bash
# Lists or removes workspaces of a build machine: workspaces.sh ROOT list | workspaces.sh ROOT rm WORKSPACE…
# `list` prints for each `workspace NAME`, then what is known of it: `who`, `used` (seconds since 1970), `project`, `size`
# (KiB), `in-use`. `rm` prints `removed NAME`, `in-use NAME`, `missing NAME` or `failed NAME`.
set -u
shopt -s nullglob
root=$1 action=$2 books=$1/.buildfleet
shift 2

# Whether a session has it, or a prompt.
is_in_use() { # WORKSPACE
  local lock
  for lock in "$books/$1".lock "$books/$1".repl-*.lock; do
    flock --nonblock --shared "$lock" true || return 0
  done
  return 1
}

list() {
  local book name who used project size
  for book in "$books"/*.who; do
    name=${book##*/} name=${name%.who}
    case $name in *.*) continue ;; esac
    [ -d "$root/$name" ] || continue
    who='' used='' project=''
    { read -r who && read -r used && read -r project; } <"$book"
    read -r size _ < <(du -sk -- "$root/$name" 2>/dev/null)
    printf 'workspace %s\nwho %s\nused %s\nproject %s\nsize %s\n' "$name" "$who" "$used" "$project" "${size:-0}"
    ! is_in_use "$name" || echo in-use
  done
}

remove() { # WORKSPACE
  case $1 in '' | *[!a-z0-9-]*) echo "missing $1" && return ;; esac
  if [ ! -d "$root/$1" ] || [ ! -e "$books/$1.lock" ]; then
    echo "missing $1"
    return
  fi
  (
    # The file of the lock stays: a session that waits for it would hold a lock that the next one does not see.
    flock --nonblock 9 || { echo "in-use $1" && exit; }
    for lock in "$books/$1".repl-*.lock; do
      flock --nonblock --shared "$lock" true || { echo "in-use $1" && exit; }
    done
    rm -rf -- "${root:?}/$1" 2>/dev/null || { chmod -R u+rwX -- "$root/$1" && rm -rf -- "${root:?}/$1"; } ||
      { echo "failed $1" && exit; }
    rm -f -- "$books/$1".who "$books/$1".run "$books/$1".group "$books/$1".exit "$books/$1".clock "$books/$1".sent
    rm -rf -- "$books/$1".kept "$books/$1".aside-*
    echo "removed $1"
  ) 9>>"$books/$1.lock"
}

case $action in
  list) list ;;
  rm) for workspace; do remove "$workspace"; done ;;
esac
