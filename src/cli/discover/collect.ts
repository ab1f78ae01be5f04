import { createHubClient } from '../../hub/client';
import { type Capability, heartbeatAgeSeconds, isTypeEntry } from '../../model/capability';
import { FleetError, isFleetError } from '../../model/errors';
import { CDK_COMMAND } from '../../model/cdk-command';
import type { Fleet } from '../../model/fleet';
import type { FleetPaths } from '../../model/paths';
import type { Discovered, DiscoveryReport } from './report';

export interface DiscoveryRequest {
  readonly fleet: Pick<Fleet, 'fleet' | 'hub'>;
  readonly paths: Pick<FleetPaths, 'services'>;
  /** Undefined: any. */
  readonly type: string | undefined;
  /** Undefined: any. */
  readonly domain: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Reads the entries of the fleet's hub.
 *
 * @throws FleetError `hub-unavailable` when it cannot be asked, or does not answer like a hub
 */
export async function discoverEntries(request: DiscoveryRequest, now: Date): Promise<DiscoveryReport> {
  const { fleet, paths, type, domain, signal } = request;
  const query = {
    ...(type === undefined ? {} : { capabilityType: type }),
    ...(domain === undefined ? {} : { domain }),
  };
  try {
    const client = createHubClient({ url: fleet.hub.url, services: paths.services });
    const { entries, malformed } = await client.catalog(query, { signal });
    return {
      formatVersion: 1,
      ...{ hub: fleet.hub.url, type: type ?? null, domain: domain ?? null, malformed },
      entries: entries.map((entry) => discovered(entry, now)).sort(inOrder),
    };
  } catch (cause) {
    if (!isFleetError(cause)) throw cause;
    throw new FleetError({
      code: 'hub-unavailable',
      problem: cause.problem,
      place: fleet.hub.url,
      remedy: `run \`${CDK_COMMAND} deploy ${fleet.fleet}\`, which starts the fleet's own; if it is another one, see whether it runs`,
      cause,
    });
  }
}

function discovered(entry: Capability, now: Date): Discovered {
  const age = heartbeatAgeSeconds(entry, now);
  return {
    id: entry.id,
    kind: isTypeEntry(entry) ? 'type' : 'instance',
    capabilityType: entry.capability_type,
    ...{ domain: entry.domain, title: entry.title, description: entry.description, keywords: entry.keywords },
    ageSeconds: age === undefined ? null : Math.max(0, Math.round(age)),
  };
}

/** By type and domain, and in each the definition of the type first. */
function inOrder(one: Discovered, other: Discovered): number {
  const key = ({ capabilityType, domain, kind, title, id }: Discovered) => [
    ...[capabilityType, domain, kind === 'type' ? '0' : '1', title, id],
  ];
  const [keys, others] = [key(one), key(other)];
  const different = keys.findIndex((part, index) => part !== others[index]);
  return different === -1 ? 0 : (keys[different] ?? '') < (others[different] ?? '') ? -1 : 1;
}
