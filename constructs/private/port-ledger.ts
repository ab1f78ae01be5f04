import {
  type PortAllocation,
  type PortRange,
  type PortRegistry,
  type PortRequest,
  allocatePorts,
} from '../../src/model/port-registry';

/** The port registry of a project while it is synthesized: every workstation allocates from the ports that earlier ones left. */
export class PortLedger {
  private current: PortRegistry;
  /** Names of the VMs that have asked, by the allocation they got. */
  private readonly asked = new Map<PortAllocation, readonly string[]>();

  constructor(before: PortRegistry) {
    this.current = before;
  }

  /** The registry after all allocations. */
  get registry(): PortRegistry {
    return this.current;
  }

  /** Gives VMs their ports; see {@link allocatePorts}. A name that another workstation's VM has is a problem, too. */
  allocate(requests: readonly PortRequest[], range: PortRange): PortAllocation {
    const others = new Set([...this.asked.values()].flat());
    const found = allocatePorts(this.current, requests, range);
    const twins = requests.filter(({ vmName }) => others.has(vmName));
    const allocation = { ...found, problems: [...found.problems, ...twins.map(twin)] };
    this.current = allocation.registry;
    this.asked.set(
      allocation,
      requests.map(({ vmName }) => vmName),
    );
    return allocation;
  }

  /** The registry as it concerns one workstation: without the ports of the others' VMs. Known once all have asked. */
  registryOf(allocation: PortAllocation): PortRegistry {
    const others = new Set([...this.asked].flatMap(([other, names]) => (other === allocation ? [] : names)));
    return new Map([...this.current].filter(([, entry]) => entry.vm_name === null || !others.has(entry.vm_name)));
  }
}

function twin({ vmName }: PortRequest): PortAllocation['problems'][number] {
  return {
    code: 'duplicate-name',
    vmName,
    problem: 'another fleet of this project has a VM of the same name, and the port registry knows one port for it',
    value: vmName,
    remedy: 'give one of the two another name',
  };
}
