/* eslint-disable @typescript-eslint/no-require-imports -- as in commands/load.ts: import() needs file names with
   extensions here, which nothing else in this project has */

/** Modules that most runs of a command do without, and that take longer to load than the rest of it. */
export const later = {
  fleetSchema: () => (require('../model/fleet') as typeof import('../model/fleet')).fleetSchema,
  /** Looks closer at VMs that cannot be used. */
  describeTrouble: () => (require('./status/explain') as typeof import('./status/explain')).describeTrouble,
  hubEntries: () => require('./status/hub-entries') as typeof import('./status/hub-entries'),
} as const;
