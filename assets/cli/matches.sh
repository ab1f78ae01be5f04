#!/bin/bash
# Lists the files that patterns match, for `fetch --path`: matches.sh LIMIT WORKSPACE KEPT PATTERN…
# KEPT is where a sync puts what the VM had changed. A directory stands for the files in it. Each entry is ended by a zero
# byte: `root workspace` or `root kept` before what is in it, `file MTIME ./PATH`, and `SHA256  ./PATH`. Where the files have
# more than LIMIT bytes together, there is `large BYTES` only.
limit=$1 total=0
declare -A roots=([workspace]=$2 [kept]=$3)
shift 3
shopt -s globstar nullglob dotglob
IFS=
list() {
  local pattern match
  for pattern; do
    for match in $pattern; do
      [ -L "$match" ] || find "./$match" -name .git -prune -o -type f -printf '%s file %T@ %p\0'
    done
  done
}
for name in workspace kept; do
  cd "${roots[$name]}" 2>/dev/null || continue
  mapfile -d '' -t files < <(list "$@" | sort -zu)
  for file in "${files[@]}"; do total=$((total + ${file%% *})); done
  [ "$total" -le "$limit" ] || break
  printf 'root %s\0' "$name"
  [ "${#files[@]}" -gt 0 ] || continue
  printf '%s\0' "${files[@]#* }"
  printf '%s\0' "${files[@]#* file * }" | xargs -0 sha256sum --zero --
done
if [ "$total" -gt "$limit" ]; then printf '\0large %s\0' "$total"; fi
