#!/usr/bin/env node
// Reads jest's JSON results.
// usage: test-result.cjs failed RESULT          the acceptance suites that failed, a path each line
//        test-result.cjs count RESULT [AGAIN]   how many tests passed, failed and were skipped; a suite counts as in AGAIN
//                                               where it was run again
const { readFileSync } = require('node:fs');

const [verb, ...files] = process.argv.slice(2);
const [first, again = { testResults: [] }] = files.map((file) => JSON.parse(readFileSync(file, 'utf8')));

if (verb === 'failed') {
  for (const { name, status } of first.testResults) {
    if (status === 'failed' && name.includes('/__tests__/acceptance/')) console.log(name);
  }
} else {
  const suites = new Map([...first.testResults, ...again.testResults].map((suite) => [suite.name, suite]));
  const count = { passed: 0, failed: 0, pending: 0, todo: 0 };
  for (const { status, assertionResults } of suites.values()) {
    for (const test of assertionResults) count[test.status] += 1;
    // It did not come to its tests.
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) count.failed += 1;
  }
  const skipped = count.pending === 0 ? '' : `, ${count.pending} skipped`;
  console.log(`${count.passed} passed, ${count.failed} failed${skipped}`);
  process.exitCode = count.failed === 0 && suites.size > 0 ? 0 : 1;
}
