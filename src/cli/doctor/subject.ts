import { DEFAULT_HYPERVISOR, type Hypervisor, type UserNetwork } from '../../model/hypervisor';
import {
  DEFAULT_CACHE_DIRECTORY,
  DEFAULT_FLEET,
  DEFAULT_HUB_PORT,
  DEFAULT_SSHD_PORT,
  DEFAULT_TUNNEL_PORTS,
  DEFAULT_USER_NETWORK,
  embeddedHubUrl,
} from '../../model/defaults';
import type { ImageBuilder } from '../../model/image-definition';
import { defaultStateDirectory, expandHome, FleetPaths } from '../../model/paths';
import type { LoadedFleet } from '../fleet-file';

/** The fleet that the workstation is checked for: a deployed one, or the default one before the first deploy. */
export interface Subject {
  /** Null when none is deployed. */
  readonly fleet: LoadedFleet | null;
  /** Stack name, for remedies. */
  readonly name: string;
  readonly paths: FleetPaths;
  readonly cacheDirectory: string;
  /** Hypervisors of the fleet's hosts. */
  readonly hypervisors: ReadonlySet<Hypervisor>;
  /** Adapter that each host with bridged VMs names; null where it leaves the choice to the deploy. */
  readonly bridgeAdapters: readonly (string | null)[];
  /** Hosts whose VMs are behind NAT. */
  readonly natHosts: readonly {
    readonly id: string;
    readonly hypervisor: Hypervisor;
    readonly userNetwork: UserNetwork;
  }[];
  readonly sshdPort: number;
  readonly hubUrl: string;
  readonly tunnelPorts: { readonly first: number; readonly last: number };
  /** Ports that the fleet's VMs have. */
  readonly usedPorts: ReadonlySet<number>;
  /** Builders of the fleet's images. */
  readonly builders: ReadonlySet<ImageBuilder>;
  /** Hypervisors of the machines that images are installed on. */
  readonly buildHypervisors: ReadonlySet<Hypervisor>;
  /** Definition hashes of the fleet's images; null when none is deployed. */
  readonly images: readonly string[] | null;
}

export function subjectOf(fleet: LoadedFleet | null, home: string): Subject {
  if (fleet === null) {
    return {
      fleet,
      name: DEFAULT_FLEET,
      paths: new FleetPaths(expandHome(defaultStateDirectory(DEFAULT_FLEET), home)),
      cacheDirectory: expandHome(DEFAULT_CACHE_DIRECTORY, home),
      hypervisors: new Set([DEFAULT_HYPERVISOR]),
      bridgeAdapters: [],
      natHosts: [{ id: 'local', hypervisor: DEFAULT_HYPERVISOR, userNetwork: DEFAULT_USER_NETWORK }],
      sshdPort: DEFAULT_SSHD_PORT,
      hubUrl: embeddedHubUrl(DEFAULT_HUB_PORT),
      tunnelPorts: DEFAULT_TUNNEL_PORTS,
      usedPorts: new Set(),
      builders: new Set(['mmdebstrap']),
      buildHypervisors: new Set(),
      images: null,
    };
  }
  const { workstation, hub, hosts, vms, images } = fleet.fleet;
  return {
    fleet,
    name: fleet.fleet.fleet,
    paths: fleet.paths,
    cacheDirectory: fleet.cacheDirectory,
    hypervisors: new Set(hosts.map(({ hypervisor }) => hypervisor)),
    bridgeAdapters: hosts.filter(({ network }) => network === 'bridged').map(({ bridgeAdapter }) => bridgeAdapter),
    natHosts: hosts.filter(({ network }) => network === 'nat'),
    sshdPort: workstation.sshdPort,
    hubUrl: hub.url,
    tunnelPorts: workstation.tunnelPorts,
    usedPorts: new Set(vms.map(({ tunnelPort }) => tunnelPort)),
    builders: new Set(images.map(({ builder }) => builder)),
    buildHypervisors: new Set(
      images.flatMap(({ buildHypervisor }) => (buildHypervisor === null ? [] : [buildHypervisor])),
    ),
    images: images.map(({ definitionHash }) => definitionHash),
  };
}
