import { DEFAULT_CACHE_DIRECTORY, DEFAULT_OPERATOR_SSH_CONFIG, DEFAULT_USER_NETWORK } from './defaults';
import type { Fleet, FleetFile } from './fleet';

/**
 * Fills in the members that an earlier version did not write into `fleet.json` with the default that its clients used,
 * even where the fleet had another value. Apart from the schema, because short commands do not load that.
 */
export function completeFleet(file: FleetFile): Fleet {
  return {
    ...file,
    cacheDirectory: file.cacheDirectory ?? DEFAULT_CACHE_DIRECTORY,
    workstation: {
      ...file.workstation,
      operatorSshConfig: file.workstation.operatorSshConfig ?? DEFAULT_OPERATOR_SSH_CONFIG,
    },
    hosts: file.hosts.map((host) => ({
      ...host,
      // the default of each hypervisor that there was
      network: host.network ?? (host.hypervisor === 'virtualbox' ? 'bridged' : 'nat'),
      bridgeAdapter: host.bridgeAdapter ?? null,
      userNetwork: host.userNetwork ?? DEFAULT_USER_NETWORK,
    })),
    images: file.images.map((image) => ({ ...image, buildHypervisor: image.buildHypervisor ?? null })),
  };
}
