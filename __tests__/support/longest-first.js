const { default: Sequencer } = require('@jest/test-sequencer');

/**
 * The suites that take minutes, longest first. One that starts last keeps a single worker busy when all others are done,
 * and a fresh clone has no times of an earlier run to tell.
 */
const LONGEST = [
  'fleet/daily-work',
  'fleet/life',
  'fleet/disk-and-network-faults',
  'image/debian-image',
  'image/reproducible',
  'guest/helper',
  'fleet/faults',
  'fleet/packer',
  'image/ova-virtualbox',
  'fleet/mixed',
  'project/daily-work',
  'image/ghcup',
  'troubleshooting/build',
  'troubleshooting/status',
  'cli/deploy',
  'virtualbox/interruption',
  'virtualbox/faults',
  'workstation/user-units',
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
