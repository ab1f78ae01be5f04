import {
  type PortAllocation,
  type PortRange,
  type PortRegistry,
  type PortRequest,
  allocatePorts,
} from '../model/port-registry';

/** The port registry of a project while it is synthesized: every workstation allocates from what the ones before left. */
export class PortLedger {
  private current: PortRegistry;

  constructor(before: PortRegistry) {
    this.current = before;
  }

  /** What the registry has become. */
  get registry(): PortRegistry {
    return this.current;
  }

  /** Gives VMs their ports; see {@link allocatePorts}. */
  allocate(requests: readonly PortRequest[], range: PortRange): PortAllocation {
    const allocation = allocatePorts(this.current, requests, range);
    this.current = allocation.registry;
    return allocation;
  }
}
