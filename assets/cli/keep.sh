#!/bin/bash
# Keeps files that the VM had changed before they were replaced or deleted: keep.sh WORKSPACE BOOKS RUN [PATH…]
# They are moved from BOOKS.aside-RUN to BOOKS.kept, and each that is not there as it was is
# printed with a zero byte. Without PATHs it keeps all.
workspace=$1 kept=$2.kept
cd "$2.aside-$3" || exit
shift 3
if [ $# -eq 0 ]; then
  mapfile -d '' -t all < <(find . -type f -printf '%P\0')
  set -- "${all[@]}"
fi
for path; do
  if cmp -s -- "$path" "$workspace/$path"; then continue; fi
  case $path in */*) mkdir -p -- "$kept/${path%/*}" ;; *) mkdir -p -- "$kept" ;; esac
  # One that was put aside before gets a number: it may be all that is left of some work.
  mv -T --backup=numbered -- "$path" "$kept/$path" || exit
  printf '%s\0' "$path"
done
# A month is time enough to fetch them. Their own time can be any; the other one is that of the move.
[ ! -d "$kept" ] || find "$kept" -type f -ctime +30 -delete
