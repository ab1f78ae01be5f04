import { homedir } from 'node:os';
import { canonicalPath } from '../../files/links';
import { DEFAULT_FLEET } from '../../model/defaults';
import { defaultStateDirectory, expandHome, FleetPaths } from '../../model/paths';
import type { ProviderSettings } from './settings';

export function fleetName(settings: ProviderSettings): string {
  return settings.fleet ?? DEFAULT_FLEET;
}

/** The fleet's places on this workstation, absolute and the same for every spelling of the home directory. */
export function fleetPaths(settings: ProviderSettings, home = homedir()): FleetPaths {
  return new FleetPaths(canonicalPath(givenStateDirectory(settings, home)));
}

/** The state directory as it is spelled. */
export function givenStateDirectory(settings: ProviderSettings, home = homedir()): string {
  return expandHome(settings.stateDirectory ?? defaultStateDirectory(fleetName(settings)), home);
}
