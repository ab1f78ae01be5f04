/* eslint-disable @typescript-eslint/no-require-imports -- `buildfleet --help` must not wait for a database to load, and
   import() needs file names with extensions here, which nothing else in this project has */

/** The modules of the commands and what they work with, each loaded when it is asked for. */
export const load = {
  context: () => require('../context') as typeof import('../context'),
  status: () => require('./status') as typeof import('./status'),
  ssh: () => require('./ssh') as typeof import('./ssh'),
  smoke: () => require('./smoke') as typeof import('./smoke'),
  hub: () => require('./hub') as typeof import('./hub'),
  ports: () => require('./ports') as typeof import('./ports'),
} as const;
