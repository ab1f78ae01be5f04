/* eslint-disable @typescript-eslint/no-require-imports -- as in commands/load.ts: import() needs file names with
   extensions here, which nothing else in this project has */

/** What most builds and logins do without, and what takes longer to load than the rest of them. */
export const later = {
  /** Looks closer at VMs that cannot be used. */
  describeTrouble: () => (require('./explain') as typeof import('./explain')).describeTrouble,
  hubEntries: () => require('./hub-entries') as typeof import('./hub-entries'),
} as const;
