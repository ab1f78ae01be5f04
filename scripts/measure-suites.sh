#!/usr/bin/env bash
# Keeps how long each suite took in the last run of scripts/test.sh; the next runs start the longest first.
set -euo pipefail
unset CDPATH
cd "$(dirname "$0")/.."
# shellcheck disable=SC2016 # the dollar signs belong to the program
node -e '
  const { readFileSync, writeFileSync } = require("fs");
  const { relative } = require("path");
  const { testResults } = JSON.parse(readFileSync(".cache/jest-result.json", "utf8"));
  const taken = testResults
    .map(({ name, startTime, endTime }) => [relative(process.cwd(), name), Math.round((endTime - startTime) / 1000)])
    .filter(([, seconds]) => seconds >= 5)
    .sort((one, other) => other[1] - one[1]);
  writeFileSync("__tests__/support/suite-seconds.json", `${JSON.stringify(Object.fromEntries(taken), null, 2)}\n`);
'
