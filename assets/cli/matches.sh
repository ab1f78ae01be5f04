#!/bin/bash
# Lists the files that patterns match, for `fetch --path`: matches.sh LIMIT WORKSPACE KEPT PATTERN…
# KEPT is where a sync puts what the VM had changed. A directory stands for the files in it. Each entry is ended by a zero
# byte: `root workspace` or `root kept` before what is in it, `file MTIME ./PATH`, `other TYPE ./PATH` for what is no file (TYPE
# as find has it), and `SHA256  ./PATH`. Where the files have
# more than LIMIT bytes together, there is `large BYTES` only.
limit=$1 total=0
declare -A roots=([workspace]=$2 [kept]=$3)
shift 3
shopt -s globstar nullglob dotglob
IFS=
list() {
  local pattern match
  local -a matches
  for pattern; do
    matches=($pattern)
    # a name as it is printed may look like a pattern
    if [ -e "$pattern" ] || [ -L "$pattern" ]; then matches+=("$pattern"); fi
    for match in "${matches[@]}"; do
      find "./$match" -name .git -prune -o -type f -printf '%s file %T@ %p\0' -o ! -type d -printf '0 other %y %p\0'
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
  for file in "${files[@]}"; do
    case $file in *' file '*) printf '%s\0' "${file#* file * }" ;; esac
  done | xargs -0 --no-run-if-empty sha256sum --zero --
done
if [ "$total" -gt "$limit" ]; then printf '\0large %s\0' "$total"; fi
