// Imports go one way. The left side may import only what stands on the right; everything else is an error.
const layers = {
  '^main\\.ts$': ['stacks', 'constructs', 'src/model'],
  '^stacks/': ['stacks', 'constructs', 'src/programs', 'src/rendering', 'src/model'],
  '^constructs/': ['constructs', 'src/drivers', 'src/images', 'src/programs', 'src/rendering', 'src/model'],
  '^src/model/': ['src/model'],
  '^src/process/': ['src/process', 'src/model'],
  '^src/files/': ['src/files', 'src/process', 'src/model'],
  '^src/ssh/': ['src/ssh', 'src/process', 'src/model'],
  '^src/rendering/': ['src/rendering', 'src/model'],
  '^src/drivers/': ['src/drivers', 'src/process', 'src/files', 'src/rendering', 'src/model'],
  '^src/images/': ['src/images', 'src/drivers', 'src/process', 'src/files', 'src/rendering', 'src/model'],
  '^src/hub/': ['src/hub', 'src/process', 'src/files', 'src/model'],
  '^src/provider/main\\.ts$': ['src/provider', 'src/process', 'src/model'],
  '^src/provider/plugin/': ['src/provider/plugin', 'src/files', 'src/model'],
  '^src/provider/journal/': [
    'src/provider/journal',
    'src/provider/plugin',
    'src/hub/client',
    'src/process',
    'src/files',
    'src/model',
  ],
  '^src/provider/services/': ['src/provider/services', 'src/process', 'src/files', 'src/rendering', 'src/model'],
  '^src/provider/data-sources/': ['src/provider/data-sources', 'src/provider/plugin', 'src/model'],
  '^src/provider/resources/': [
    'src/provider/resources',
    'src/provider/plugin',
    'src/provider/services',
    'src/drivers',
    'src/images',
    'src/hub/client',
    'src/ssh',
    'src/process',
    'src/files',
    'src/rendering',
    'src/model',
  ],
  '^src/cli/': [
    'src/cli',
    'src/drivers',
    'src/images',
    'src/provider/journal',
    'src/hub',
    'src/ssh',
    'src/process',
    'src/files',
    'src/rendering',
    'src/model',
  ],
  '^src/programs/': ['src/programs', 'src/files', 'src/rendering', 'src/model'],
};

const ownCode = '^(main\\.ts|stacks|constructs|src)';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries(layers).map(([from, targets]) => ({
      name: `imports-of-${from.replace(/[^a-z|]/g, '')}`,
      severity: 'error',
      from: { path: from },
      to: { path: ownCode, pathNot: `^(${targets.join('|')})(/|\\.ts$)` },
    })),
    {
      name: 'execa-only-in-process',
      comment: 'src/process/ is the only place that starts programs',
      severity: 'error',
      from: { path: ownCode, pathNot: '^src/process/' },
      to: { path: ['^node:child_process$', '^child_process$', 'node_modules/execa'] },
    },
    {
      name: 'cdktf-in-one-module',
      comment: 'a move to the successor of cdktf changes one module',
      severity: 'error',
      from: { path: ownCode, pathNot: '^constructs/private/cdktf\\.ts$' },
      to: { path: 'node_modules/(cdktf|cdktn|@cdktf|@cdktn)/' },
    },
    {
      name: 'private-constructs',
      comment: 'an operator uses the constructs at the top; what they share may change',
      severity: 'error',
      from: { path: '^main\\.ts$' },
      to: { path: '^constructs/private/' },
    },
    {
      name: 'synth-is-pure',
      comment:
        'what a plan describes may look at no machine: of drivers and images only what is pure is for constructs',
      severity: 'error',
      from: { path: '^constructs/' },
      to: { path: '^src/(process|files)/', reachable: true },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    exclude: { path: '^(__tests__|scripts|cdktf\\.out|rendered|dist)/' },
    doNotFollow: { path: 'node_modules' },
  },
};
