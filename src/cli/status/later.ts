import { lazy } from '../../model/lazy';

const explain = lazy<typeof import('./explain')>(() => require('./explain'));

/** What most builds and logins do without, and what takes longer to load than the rest of them. */
export const later = {
  /** Looks closer at VMs that cannot be used. */
  describeTrouble: () => explain().describeTrouble,
  hubEntries: lazy<typeof import('./hub-entries')>(() => require('./hub-entries')),
} as const;
