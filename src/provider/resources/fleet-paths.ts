import { homedir } from 'node:os';
import { canonicalPath } from '../../files/links';
import { defaultStateDirectory, expandHome, FleetPaths } from '../../model/paths';
import type { ProviderSettings } from './settings';

/** The fleet's places on this workstation, absolute and the same for every spelling of the home directory. */
export function fleetPaths(settings: ProviderSettings, home = homedir()): FleetPaths {
  return new FleetPaths(canonicalPath(givenStateDirectory(settings, home)));
}

/** The state directory as it is spelled. */
export function givenStateDirectory(settings: ProviderSettings, home = homedir()): string {
  return expandHome(settings.stateDirectory ?? defaultStateDirectory(settings.fleet), home);
}
