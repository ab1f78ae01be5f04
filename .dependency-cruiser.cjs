// Imports go one way. The left side may import only what stands on the right; everything else is an error.
const layers = {
  '^main\\.ts$': ['stacks', 'constructs', 'model'],
  '^stacks/': ['stacks', 'constructs', 'rendering', 'model', 'bundles'],
  '^constructs/': ['constructs', 'rendering', 'model', 'bundles'],
  '^bundles/': ['bundles', 'model', 'files', 'rendering'],
  '^rendering/': ['rendering', 'model'],
  '^model/': ['model'],
  '^provider/main\\.ts$': ['provider', 'process'],
  '^provider/plugin/': ['provider/plugin', 'model'],
  '^provider/journal/': ['provider/journal', 'provider/plugin', 'hub/client', 'process', 'files', 'model'],
  '^provider/resources/': [
    'provider/resources',
    'provider/plugin',
    'provider/drivers',
    'provider/images',
    'provider/services',
    'hub/client',
    'process',
    'files',
    'rendering',
    'model',
  ],
  '^provider/(drivers|images|services)/': [
    'provider/drivers',
    'provider/images',
    'provider/services',
    'process',
    'files',
    'rendering',
    'model',
  ],
  '^process/': ['process', 'model'],
  '^files/': ['files', 'process', 'model'],
  '^cli/': ['cli', 'provider/drivers', 'provider/images', 'hub', 'process', 'files', 'rendering', 'model'],
  '^hub/': ['hub', 'process', 'files', 'rendering', 'model'],
};

const ownCode = '^(main\\.ts|stacks|constructs|bundles|rendering|model|provider|process|files|cli|hub)';

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
      comment: 'process/ is the only place that starts programs',
      severity: 'error',
      from: { path: ownCode, pathNot: '^process/' },
      to: { path: ['^node:child_process$', '^child_process$', 'node_modules/execa'] },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    exclude: { path: '^(__tests__|bench|cdktf\\.out|rendered|dist)/' },
    doNotFollow: { path: 'node_modules' },
  },
};
