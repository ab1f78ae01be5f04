const { relative } = require('node:path');
const { default: Sequencer } = require('@jest/test-sequencer');
const seconds = require('./suite-seconds.json');

/**
 * Starts the longest suites first: one that starts last keeps a single worker busy when all others are done. A fresh clone
 * has no times of an earlier run, so those of one are kept in suite-seconds.json, which scripts/measure-suites.sh writes.
 */
module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const secondsOf = ({ path, context }) => seconds[relative(context.config.rootDir, path)] ?? 0;
    return [...super.sort(tests)].sort((a, b) => secondsOf(b) - secondsOf(a));
  }
};
