// node_modules that ship only ES modules are compiled too: jest cannot require() them as Node can.
const esModules = [
  'execa',
  '@sindresorhus',
  'figures',
  'get-stream',
  'human-signals',
  'is-plain-obj',
  'is-stream',
  'is-unicode-supported',
  'npm-run-path',
  'parse-ms',
  'path-key',
  'pretty-ms',
  'strip-final-newline',
  'unicorn-magic',
  'yoctocolors',
  '@sec-ant',
];

/** @type {import('jest').Config} */
const base = {
  // jest's own place for it is below $TMPDIR, by a name that another account can make first
  cacheDirectory: '<rootDir>/.cache/jest',
  testEnvironment: 'node',
  // jest's guard around leftover globals recurses without end in what execa keeps on the process object
  testEnvironmentOptions: { globalsCleanup: 'off' },
  transform: { '^.+\\.(t|j)s$': '@swc/jest' },
  // exports an "import" condition only, which jest's require() does not ask for
  moduleNameMapper: { '^unicorn-magic$': '<rootDir>/node_modules/unicorn-magic/node.js' },
  transformIgnorePatterns: [`/node_modules/(?!(${esModules.join('|')})/)`],
};

module.exports = {
  // No test is about time: this only ends one that hangs, also on a machine that does much else. Jest takes it from here
  // alone, not from a project.
  testTimeout: 60_000,
  testSequencer: '<rootDir>/__tests__/support/longest-first.js',
  projects: [
    {
      ...base,
      displayName: 'unit',
      testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '/__tests__/acceptance/'],
    },
    {
      ...base,
      displayName: 'acceptance',
      testMatch: ['<rootDir>/__tests__/acceptance/**/*.test.ts'],
      globalSetup: '<rootDir>/__tests__/support/privilege-separation.ts',
      globalTeardown: '<rootDir>/__tests__/support/privilege-separation-teardown.ts',
    },
  ],
};
