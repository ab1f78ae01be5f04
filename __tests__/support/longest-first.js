const { default: Sequencer } = require('@jest/test-sequencer');

/**
 * The suites that take minutes, longest first. One that starts last keeps a single worker busy when all others are done,
 * and a fresh clone has no times of an earlier run to tell.
 */
const LONGEST = [
  'fleet/daily-work',
  'fleet/life',
  'fleet/disk-and-network-faults',
  'guest/helper',
  'image/debian-image',
  'fleet/packer',
  'fleet/faults',
  'image/reproducible',
  'troubleshooting/build',
  'cli/deploy',
  'image/ghcup',
  'project/daily-work',
];

const placeOf = ({ path }) => {
  const index = LONGEST.findIndex((name) => path.endsWith(`/acceptance/${name}.test.ts`));
  return index === -1 ? LONGEST.length : index;
};

module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    return [...super.sort(tests)].sort((a, b) => placeOf(a) - placeOf(b));
  }
};
