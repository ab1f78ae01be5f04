import { homedir } from 'node:os';
import { DEFAULT_FLEET } from '../../model/defaults';
import { defaultStateDirectory, expandHome, FleetPaths } from '../../model/paths';
import type { ProviderSettings } from './settings';

export function fleetName(settings: ProviderSettings): string {
  return settings.fleet ?? DEFAULT_FLEET;
}

/** The fleet's places on this workstation, absolute. */
export function fleetPaths(settings: ProviderSettings, home = homedir()): FleetPaths {
  return new FleetPaths(expandHome(settings.stateDirectory ?? defaultStateDirectory(fleetName(settings)), home));
}
