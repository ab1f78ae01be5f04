import { lazy } from '../model/lazy';

const model = lazy<typeof import('../model/fleet')>(() => require('../model/fleet'));

/** The schema of `fleet.json`, loaded when it is asked for: that takes longer than all else that a short command does. */
export const loadFleetSchema = () => model().fleetSchema;
