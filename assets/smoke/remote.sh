#!/bin/bash
# The part of `buildfleet smoke` that runs on the build machine: remote.sh WORKSPACE_ROOT NONCE, sources as a tar on
# standard input. Speaks lines of `step NAME ok|failed SECONDS DETAIL` and, at the end, `result BASE64`; what the compiler
# says goes to standard error. Leaves nothing behind, also when it is ended from outside.
set -u
root=$1
nonce=$2

workspace=''
remove_workspace() {
  # The check keeps an empty variable from ever becoming the root directory.
  case $workspace in
    */smoke-*) rm -rf -- "$workspace" ;;
  esac
}
trap remove_workspace EXIT
trap 'exit 143' TERM HUP PIPE

now() {
  local stamp=$EPOCHREALTIME
  printf '%s' "${stamp/[.,]/}"
}

# step NAME COMMAND…: the command's standard output is the detail
step() {
  local name=$1 started detail verdict=ok took
  shift
  started=$(now)
  detail=$("$@") || verdict=failed
  took=$((($(now) - started) / 1000))
  printf 'step %s %s %d.%03d %s\n' "$name" "$verdict" $((took / 1000)) $((took % 1000)) "${detail//$'\n'/ }"
  [ "$verdict" = ok ] || exit 1
}

compile() {
  tar -xf - -C "$workspace" && cd "$workspace" && ghc -v0 -outputdir out -o smoke Main.hs >&2 && find out -name '*.o' | wc -l
}

execute() {
  cd "$workspace" && ./smoke "$nonce" result.txt >&2 && wc -l <result.txt
}

printf 'step connected ok 0.000 \n'
step ghc-version ghc --version
workspace=$(mktemp -d "$root/smoke-XXXXXXXXXX") || {
  printf 'step compile failed 0.000 no workspace can be made in %s\n' "$root"
  exit 1
}
step compile compile
step execute execute
printf 'result %s\n' "$(base64 -w0 "$workspace/result.txt")"
