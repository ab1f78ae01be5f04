#!/usr/bin/env bash
# Runs jest and ends with one line that counts the tests, taken from jest's own result.
# usage: test.sh [JEST ARGUMENT…]
set -euo pipefail
unset CDPATH
cd "$(dirname "$0")/.."

PATH="$PWD/node_modules/.bin:$PATH"
mkdir -p .cache
result=.cache/jest-result.json
rm -f "$result"
status=0
jest --ci --json --outputFile="$result" --maxWorkers=2 "$@" >/dev/null || status=$?
# shellcheck disable=SC2016 # the dollar signs belong to the program
node -e '
  const result = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  const skipped = result.numPendingTests === 0 ? "" : `, ${result.numPendingTests} skipped`;
  console.log(`${result.numPassedTests} passed, ${failed} failed${skipped}`);
' "$result"
exit "$status"
