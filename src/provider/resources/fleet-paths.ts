import { homedir } from 'node:os';
import { defaultStateDirectory, expandHome, FleetPaths } from '../../model/paths';
import type { ProviderSettings } from './settings';

/** The fleet's places on this workstation, absolute. */
export function fleetPaths(settings: ProviderSettings, home = homedir()): FleetPaths {
  return new FleetPaths(expandHome(settings.stateDirectory ?? defaultStateDirectory(settings.fleet), home));
}
