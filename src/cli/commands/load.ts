/* eslint-disable @typescript-eslint/no-require-imports -- `buildfleet --help` must not wait for a database to load, and
   import() needs file names with extensions here, which nothing else in this project has */

/** The modules of the commands and what they work with, each loaded when it is asked for. */
export const load = {
  context: () => require('../context') as typeof import('../context'),
  errors: () => require('../print-error') as typeof import('../print-error'),
  status: () => require('./status') as typeof import('./status'),
  discover: () => require('./discover') as typeof import('./discover'),
  info: () => require('./info') as typeof import('./info'),
  doctor: () => require('./doctor') as typeof import('./doctor'),
  build: () => require('./build') as typeof import('./build'),
  fetch: () => require('./fetch') as typeof import('./fetch'),
  ssh: () => require('./ssh') as typeof import('./ssh'),
  smoke: () => require('./smoke') as typeof import('./smoke'),
  addPackage: () => require('./add-package') as typeof import('./add-package'),
  addGhc: () => require('./add-ghc') as typeof import('./add-ghc'),
  deploy: () => require('./deploy') as typeof import('./deploy'),
  hub: () => require('./hub') as typeof import('./hub'),
  image: () => require('./image') as typeof import('./image'),
  review: () => require('./review') as typeof import('./review'),
  ports: () => require('./ports') as typeof import('./ports'),
  completion: () => require('./completion') as typeof import('./completion'),
  installSshConfig: () => require('./install-ssh-config') as typeof import('./install-ssh-config'),
} as const;
