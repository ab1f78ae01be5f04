import { lazy } from '../../model/lazy';

const explain = lazy<typeof import('./explain')>(() => require('./explain'));

/** Modules that most builds and logins do without, and that take longer to load than the rest of them. */
export const later = {
  /** Looks closer at VMs that cannot be used. */
  describeTrouble: () => explain().describeTrouble,
  hubEntries: lazy<typeof import('./hub-entries')>(() => require('./hub-entries')),
} as const;
