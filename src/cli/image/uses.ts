import { existsSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createDriver } from '../../drivers';
import { hypervisorSchema } from '../../model/hypervisor';
import { defaultStateDirectory, expandHome, FleetPaths } from '../../model/paths';
import type { Run } from '../../process/run';
import { type LoadedFleet, loadFleet } from '../fleet-file';

/** Who needs an image, and what its fleet calls it. */
export interface ImageUse {
  readonly hash: string;
  /** `fleet`, `haskell-build-alpha of fleet`, `process 4711` */
  readonly by: string;
  /** Name of the image in the fleet's description; null for what only lies on it. */
  readonly name: string | null;
}

export interface UseSearch {
  /** A further fleet.json: `--fleet` or BUILDFLEET_FLEET. */
  readonly fleetFile: string | undefined;
  readonly home: string;
  /** Images of this cache are looked for among the files that processes have open. */
  readonly cacheDirectory: string;
  readonly run: Run;
  readonly signal: AbortSignal;
}

/**
 * Every use of every image that can be found: by deployed fleets, by disks of VMs whether their fleet is still described
 * or not, and by running processes. Names too many rather than too few.
 *
 * @throws FleetError when a fleet.json or a disk cannot be read, so that nobody knows what it needs
 */
export async function findImageUses(search: UseSearch): Promise<ImageUse[]> {
  const { home } = search;
  const all = dirname(expandHome(defaultStateDirectory('fleet'), home));
  const directories = existsSync(all) ? readdirSync(all).map((name) => join(all, name)) : [];
  const files = directories.map((directory) => new FleetPaths(directory).fleetFile).filter((file) => existsSync(file));
  const named = search.fleetFile === undefined ? [] : [expandHome(search.fleetFile, home)];
  const fleets = [...new Set([...files, ...named])].map((file) => loadFleet(file, home));
  const states = new Set([...directories, ...fleets.map(({ paths }) => paths.stateDirectory)]);
  const disks = await Promise.all([...states].map((directory) => usesOfDisks(directory, search)));
  return [...fleets.flatMap(usesOfFleet), ...disks.flat(), ...usesOfProcesses(search.cacheDirectory)];
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
