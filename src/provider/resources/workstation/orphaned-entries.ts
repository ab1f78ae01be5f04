import { existsSync } from 'node:fs';
import type { CapabilityName, HubClient } from '../../../hub/client';
import {
  BUILD_AGENT_TYPE,
  CAPABILITY_DOMAIN,
  freshness,
  hostNameOfTitle,
  parseInstanceKeywords,
} from '../../../model/capability';
import { isFleetError } from '../../../model/errors';
import type { FleetPaths } from '../../../model/paths';

/** Part of a hub's client that is needed here. */
export type EntryHub = Pick<HubClient, 'list' | 'ensureAbsent'>;

/** What tells this fleet's entries from those of others. */
export interface EntryOwner {
  readonly paths: FleetPaths;
  readonly tunnelPorts: { readonly first: number; readonly last: number };
}

/**
 * Entries that VMs of this fleet have left in its hub: with a tunnel port of the fleet, without heartbeats, and of no VM
 * that has a directory. A VM is deleted also while the hub is down. A hub that does not answer has none.
 */
export async function orphanedEntries(
  hub: EntryHub,
  { paths, tunnelPorts }: EntryOwner,
  signal: AbortSignal,
): Promise<CapabilityName[]> {
  try {
    const entries = await hub.list({ domain: CAPABILITY_DOMAIN, capabilityType: BUILD_AGENT_TYPE }, { signal });
    return entries
      .filter((entry) => {
        const name = hostNameOfTitle(entry.title);
        const { tunnelPort } = parseInstanceKeywords(entry.keywords);
        if (name === undefined || tunnelPort === undefined) return false;
        const isOfFleet = tunnelPort >= tunnelPorts.first && tunnelPort <= tunnelPorts.last;
        const isThere = [paths.vm(name), paths.identity(name).directory].some((path) => existsSync(path));
        return isOfFleet && !isThere && freshness(entry, new Date()) === 'stale';
      })
      .map(({ domain, capability_type, title }) => ({ domain, capability_type, title }));
  } catch (error) {
    signal.throwIfAborted();
    if (!isFleetError(error)) throw error;
    return [];
  }
}
