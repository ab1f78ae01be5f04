/* eslint-disable @typescript-eslint/no-require-imports -- as in commands/load.ts: import() needs file names with
   extensions here, which nothing else in this project has */

/** The schema of `fleet.json`, loaded when it is asked for: that takes longer than all else that a short command does. */
export const loadFleetSchema = () => (require('../model/fleet') as typeof import('../model/fleet')).fleetSchema;
