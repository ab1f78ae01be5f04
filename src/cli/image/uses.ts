import { existsSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { createDriver } from '../../drivers';
import { hypervisorSchema } from '../../model/hypervisor';
import { expandHome, FleetPaths } from '../../model/paths';
import { DEFAULT_CACHE_DIRECTORY, STATE_HOME } from '../../model/defaults';
import type { Run } from '../../process/run';
import { type LoadedFleet, loadFleet } from '../fleet-file';

/** A use of an image, and its name in the fleet. */
export interface ImageUse {
  readonly hash: string;
  /** `fleet`, `haskell-build-alpha of fleet`, `process 4711` */
  readonly by: string;
  /** Name of the image in the fleet's description; null for what only lies on it. */
  readonly name: string | null;
}

/** Places of fleets. */
export interface FleetsSearch {
  /** A further fleet.json: `--fleet` or BUILDFLEET_FLEET. */
  readonly fleetFile: string | undefined;
  readonly home: string;
}

export interface UseSearch extends FleetsSearch {
  /** Images of this cache are looked for among the files that processes have open. */
  readonly cacheDirectory: string;
  readonly run: Run;
  readonly signal: AbortSignal;
}

/**
 * Every use of every image that can be found: by deployed fleets, by disks of VMs whether their fleet is still described
 * or not, and by running processes. Names too many rather than too few.
 *
 * @throws FleetError when a fleet.json or a disk cannot be read, so that the images it needs are unknown
 */
export async function findImageUses(search: UseSearch): Promise<ImageUse[]> {
  const directories = stateDirectories(search);
  const fleets = loadFleets(search);
  const states = new Set([...directories, ...fleets.map(({ paths }) => paths.stateDirectory)]);
  const disks = await Promise.all([...states].map((directory) => usesOfDisks(directory, search)));
  return [...fleets.flatMap(usesOfFleet), ...disks.flat(), ...usesOfProcesses(search.cacheDirectory)];
}

/**
 * The cache that is meant where none is named: that of the named fleet, else the one that all deployed fleets share, else
 * the default.
 *
 * @throws FleetError when a fleet.json cannot be read
 */
export function cacheOfFleets(search: FleetsSearch): string {
  const { fleetFile, home } = search;
  const fleets = fleetFile === undefined ? loadFleets(search) : [loadFleet(expandHome(fleetFile, home), home)];
  const caches = new Set(fleets.map(({ cacheDirectory }) => cacheDirectory));
  const [shared] = caches;
  return shared !== undefined && caches.size === 1 ? shared : expandHome(DEFAULT_CACHE_DIRECTORY, home);
}

function loadFleets(search: FleetsSearch): LoadedFleet[] {
  const { fleetFile, home } = search;
  const files = stateDirectories(search).map((directory) => new FleetPaths(directory).fleetFile);
  const named = fleetFile === undefined ? [] : [expandHome(fleetFile, home)];
  return [...new Set([...files.filter((file) => existsSync(file)), ...named])].map((file) => loadFleet(file, home));
}

function stateDirectories({ home }: FleetsSearch): string[] {
  const all = expandHome(STATE_HOME, home);
  return existsSync(all) ? readdirSync(all).map((name) => join(all, name)) : [];
}

function usesOfFleet({ fleet }: LoadedFleet): ImageUse[] {
  return fleet.images.map(({ id, definitionHash }) => ({ hash: definitionHash, by: fleet.fleet, name: id }));
}

async function usesOfDisks(stateDirectory: string, { cacheDirectory, run, signal }: UseSearch): Promise<ImageUse[]> {
  const options = { paths: new FleetPaths(stateDirectory), cacheDirectory, run };
  const drivers = hypervisorSchema.options.map((hypervisor) => createDriver(hypervisor, options));
  const origins = await Promise.all(drivers.map((driver) => driver.diskOrigins(signal)));
  return origins
    .flat()
    .flatMap(({ vm, images }) => [...new Set(images.flatMap(hashesIn))].map((hash) => ({ hash, by: vm, name: null })));
}

function usesOfProcesses(cacheDirectory: string): ImageUse[] {
  const directory = join(cacheDirectory, 'images');
  const images = existsSync(directory) ? realpathSync(directory) : directory;
  return filesIn('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      const open = filesIn(`/proc/${pid}/fd`).map((name) => linkTarget(`/proc/${pid}/fd/${name}`));
      const hashes = open.filter((path) => path.startsWith(`${images}/`)).flatMap(hashesIn);
      return [...new Set(hashes)].map((hash) => ({ hash, by: `process ${pid}`, name: null }));
    });
}

function hashesIn(text: string): string[] {
  return text.match(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g) ?? [];
}

/** Nothing for what ended in between, for another user's process, and for what is no directory. */
function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
