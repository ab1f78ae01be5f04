import { z } from 'zod';
import type { ErrorCode } from './error-codes';
import { nameSchema } from './names';
import { portSchema } from './port';

/** Ports on the workstation that tunnels may use, both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * One port of `port-registry.yml`. `reserved`: it belongs to the named VM, whether that VM exists at the moment or not.
 * `available`: it was released; the names are those of its last VM and host.
 */
export const portEntrySchema = z.strictObject({
  vm_name: nameSchema.nullable(),
  host_machine: nameSchema.nullable(),
  status: z.enum(['reserved', 'available']),
});

export type PortEntry = Readonly<z.infer<typeof portEntrySchema>>;

/** The whole registry by port, in ascending order. */
export type PortRegistry = ReadonlyMap<number, PortEntry>;

/** A VM that needs a port. */
export interface PortRequest {
  readonly vmName: string;
  /** Host that runs the VM, for people who read the registry. */
  readonly host: string;
  /** The only port that will do. */
  readonly pinned?: number | undefined;
}

/** Why one VM gets no port. */
export interface PortProblem {
  readonly code: ErrorCode;
  readonly vmName: string;
  readonly problem: string;
  readonly value: unknown;
  readonly remedy: string;
}

export interface PortAllocation {
  /** What the registry becomes. Equal to the old one if nothing changed. */
  readonly registry: PortRegistry;
  /** Port of each VM that got one. */
  readonly ports: ReadonlyMap<string, number>;
  readonly problems: readonly PortProblem[];
}

/**
 * Gives every VM its port: the pinned one, else the one that the registry reserves for its name, else the lowest that
 * was never reserved, else the lowest that was released. Ports of other VMs do not move, and the reservation of a VM
 * that is not in the requests stays.
 *
 * @param requests one for each VM of the fleet; VM names differ
 */
export function allocatePorts(
  registry: PortRegistry,
  requests: readonly PortRequest[],
  range: PortRange,
): PortAllocation {
  const entries = new Map(registry);
  const ports = new Map<string, number>();
  const problems: PortProblem[] = [];

  const give = (request: PortRequest, port: number): void => {
    for (const [other, entry] of entries) {
      if (other !== port && isReservedFor(entry, request.vmName)) entries.set(other, { ...entry, status: 'available' });
    }
    entries.set(port, { vm_name: request.vmName, host_machine: request.host, status: 'reserved' });
    ports.set(request.vmName, port);
  };

  const requested = new Set(requests.map((request) => request.vmName));
  for (const request of requests.filter(({ pinned }) => pinned !== undefined)) {
    const problem = whyNotPinned(request, registry, ports, requests, range);
    if (problem) problems.push(problem);
    else give(request, request.pinned as number);
  }

  const unpinned = requests.filter(({ pinned }) => pinned === undefined);
  for (const request of unpinned) {
    const port = reservedPort(registry, request.vmName);
    if (port === undefined) continue;
    if (!portSchema.safeParse(port).success || port < range.first || port > range.last) {
      problems.push({
        code: 'port-outside-range',
        vmName: request.vmName,
        problem: `the port registry reserves a port outside the range ${range.first}-${range.last}`,
        value: port,
        remedy: `widen the workstation's tunnelPorts, or free it with \`buildfleet ports release ${port}\` so that another one is allocated`,
      });
    } else if (entries.get(port)?.vm_name === request.vmName) {
      give(request, port);
    }
  }

  for (const request of unpinned.filter(({ vmName }) => reservedPort(registry, vmName) === undefined)) {
    const port = lowestFree(entries, range);
    if (port === undefined) problems.push(exhausted(request, entries, requested, range));
    else give(request, port);
  }

  return { registry: new Map([...entries].sort(([a], [b]) => a - b)), ports, problems };
}

/**
 * Frees a port so that it can be allocated again.
 *
 * @returns the new registry, or undefined if that port is not reserved
 */
export function releasePort(registry: PortRegistry, port: number): PortRegistry | undefined {
  const entry = registry.get(port);
  if (entry?.status !== 'reserved') return undefined;
  return new Map(registry).set(port, { ...entry, status: 'available' });
}

/** The port that the registry reserves for a VM, whether or not the VM exists. */
export function reservedPort(registry: PortRegistry, name: string): number | undefined {
  for (const [port, entry] of registry) {
    if (isReservedFor(entry, name)) return port;
  }
  return undefined;
}

function isReservedFor(entry: PortEntry, name: string): boolean {
  return entry.status === 'reserved' && entry.vm_name === name;
}

function lowestFree(entries: PortRegistry, range: PortRange): number | undefined {
  let released: number | undefined;
  for (let port = range.first; port <= range.last; port += 1) {
    const entry = entries.get(port);
    if (entry === undefined) return port;
    if (entry.status === 'available') released ??= port;
  }
  return released;
}

function whyNotPinned(
  request: PortRequest,
  registry: PortRegistry,
  given: ReadonlyMap<string, number>,
  requests: readonly PortRequest[],
  range: PortRange,
): PortProblem | undefined {
  const port = request.pinned as number;
  const about = { vmName: request.vmName, value: port };
  if (port < range.first || port > range.last) {
    return {
      ...about,
      code: 'port-outside-range',
      problem: `the port is outside the workstation's tunnel ports ${range.first}-${range.last}`,
      remedy: 'pin a port in that range, or widen tunnelPorts',
    };
  }
  const twin = [...given].find(([, taken]) => taken === port)?.[0];
  if (twin !== undefined) {
    return {
      ...about,
      code: 'duplicate-port',
      problem: `${twin} has the same port`,
      remedy: 'pin another port, or none',
    };
  }
  const holder = registry.get(port);
  if (holder?.status !== 'reserved' || holder.vm_name === null || holder.vm_name === request.vmName) return undefined;
  const holderRequest = requests.find(({ vmName }) => vmName === holder.vm_name);
  if (holderRequest === undefined) {
    return {
      ...about,
      code: 'port-reserved',
      problem: `the port is reserved for ${holder.vm_name}, which is not in the fleet now`,
      remedy: `pin another port, or free it with \`buildfleet ports release ${port}\``,
    };
  }
  if (holderRequest.pinned !== undefined) return undefined;
  return {
    ...about,
    code: 'duplicate-port',
    problem: `the port registry gives ${holder.vm_name} the same port`,
    remedy: `pin another port, or pin ${holder.vm_name} to another one`,
  };
}

function exhausted(
  request: PortRequest,
  entries: PortRegistry,
  requested: ReadonlySet<string>,
  range: PortRange,
): PortProblem {
  const removable = [...entries].filter(
    ([port, entry]) =>
      port >= range.first && port <= range.last && entry.status === 'reserved' && !requested.has(entry.vm_name ?? ''),
  );
  const release = removable.map(
    ([port, entry]) => `\`buildfleet ports release ${port}\` (${entry.vm_name ?? 'no VM'})`,
  );
  return {
    code: 'ports-exhausted',
    vmName: request.vmName,
    problem: `none of the tunnel ports ${range.first}-${range.last} is left`,
    value: request.vmName,
    remedy:
      release.length === 0
        ? 'widen tunnelPorts of the workstation; every port belongs to a VM of this fleet'
        : `free one with ${release.join(', or ')}, or widen tunnelPorts of the workstation`,
  };
}
