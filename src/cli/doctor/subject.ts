import { DEFAULT_HYPERVISOR, type Hypervisor } from '../../model/hypervisor';
import type { ImageBuilder } from '../../model/image-definition';
import { DEFAULT_CACHE_DIRECTORY, defaultStateDirectory, expandHome, FleetPaths } from '../../model/paths';
import type { LoadedFleet } from '../fleet-file';

/** What the workstation is looked at for: a deployed fleet, or the default one before the first deploy. */
export interface Subject {
  /** Null when none is deployed. */
  readonly fleet: LoadedFleet | null;
  /** Stack name, for remedies. */
  readonly name: string;
  readonly paths: FleetPaths;
  readonly cacheDirectory: string;
  /** What the fleet's hosts run VMs with. */
  readonly hypervisors: ReadonlySet<Hypervisor>;
  readonly sshdPort: number;
  readonly hubUrl: string;
  readonly tunnelPorts: { readonly first: number; readonly last: number };
  /** Ports that the fleet's VMs have. */
  readonly usedPorts: ReadonlySet<number>;
  /** What builds the fleet's images. */
  readonly builders: ReadonlySet<ImageBuilder>;
  /** Definition hashes of the fleet's images; null when none is deployed. */
  readonly images: readonly string[] | null;
}

const DEFAULT_FLEET = 'fleet';

export function subjectOf(fleet: LoadedFleet | null, home: string): Subject {
  const cacheDirectory = expandHome(DEFAULT_CACHE_DIRECTORY, home);
  if (fleet === null) {
    return {
      fleet,
      name: DEFAULT_FLEET,
      paths: new FleetPaths(expandHome(defaultStateDirectory(DEFAULT_FLEET), home)),
      cacheDirectory,
      hypervisors: new Set([DEFAULT_HYPERVISOR]),
      sshdPort: 12220,
      hubUrl: 'http://127.0.0.1:8000',
      tunnelPorts: { first: 12221, last: 12230 },
      usedPorts: new Set(),
      builders: new Set(['mmdebstrap']),
      images: null,
    };
  }
  const { workstation, hub, hosts, vms, images } = fleet.fleet;
  return {
    fleet,
    name: fleet.fleet.fleet,
    paths: fleet.paths,
    cacheDirectory,
    hypervisors: new Set(hosts.map(({ hypervisor }) => hypervisor)),
    sshdPort: workstation.sshdPort,
    hubUrl: hub.url,
    tunnelPorts: workstation.tunnelPorts,
    usedPorts: new Set(vms.map(({ tunnelPort }) => tunnelPort)),
    builders: new Set(images.map(({ builder }) => builder)),
    images: images.map(({ definitionHash }) => definitionHash),
  };
}
