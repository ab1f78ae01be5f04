#!/usr/bin/env bash
# Runs jest and ends with one line that counts the tests, taken from jest's own result. In CI, acceptance suites that failed
# beside others are run again alone, and count as that ends: docs/adr/0026-suites-that-fail-beside-others.md.
# usage: test.sh [JEST ARGUMENT…]
set -euo pipefail
unset CDPATH
cd "$(dirname "$0")/.."

PATH="$PWD/node_modules/.bin:$PATH"
mkdir -p .cache
result=.cache/jest-result.json
again=.cache/jest-result-again.json
rm -f "$result" "$again"
# More that fail say that something is broken, not that the machine was busy.
most=6

status=0
jest --ci --json --outputFile="$result" --maxWorkers=2 "$@" >/dev/null || status=$?
if [ "${CI:-}" = true ] && [ -s "$result" ]; then
  mapfile -t failed < <(node scripts/test-result.cjs failed "$result")
  if [ "${#failed[@]}" -gt 0 ] && [ "${#failed[@]}" -le "$most" ]; then
    echo 'failed beside other suites, and run again alone:' >&2
    printf '  %s\n' "${failed[@]#"$PWD/"}" >&2
    status=0
    jest --ci --json --outputFile="$again" --runInBand --runTestsByPath "${failed[@]}" >/dev/null || status=$?
  fi
fi
results=("$result")
[ ! -s "$again" ] || results+=("$again")
node scripts/test-result.cjs count "${results[@]}" || status=1
exit "$status"
