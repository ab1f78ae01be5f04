import { homedir } from 'node:os';
import { defaultStateDirectory, expandHome, FleetPaths } from '../../model/paths';
import type { ProviderSettings } from './settings';

/** Name of the fleet where the provider block gives none. */
const UNNAMED_FLEET = 'fleet';

export function fleetName(settings: ProviderSettings): string {
  return settings.fleet ?? UNNAMED_FLEET;
}

/** The fleet's places on this workstation, absolute. */
export function fleetPaths(settings: ProviderSettings, home = homedir()): FleetPaths {
  return new FleetPaths(expandHome(settings.stateDirectory ?? defaultStateDirectory(fleetName(settings)), home));
}
