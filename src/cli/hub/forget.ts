import { createHubClient } from '../../hub/client';
import { instanceTitle } from '../../model/capability';
import { FleetError } from '../../model/errors';
import { type Context, openFleet } from '../context';
import { EXIT } from '../exit-codes';
import type { Forgotten } from './report';

/**
 * `buildfleet hub forget TITLE`: deletes every entry of the fleet's hub that has the title, of any type and domain. A
 * machine that still runs registers again with its next heartbeat.
 *
 * @throws FleetError `hub-entry-missing`, or `hub-rejected` where the hub cannot delete
 */
export async function forget({ terminal, signal, ...context }: Context, given: string): Promise<number> {
  const { fleet, paths } = openFleet({ terminal, signal, ...context });
  const client = createHubClient({ url: fleet.hub.url, services: paths.services });
  const call = { signal };
  let entries = await client.catalog({ title: given }, call);
  if (entries.entries.length === 0) entries = await client.catalog({ title: instanceTitle(given) }, call);
  const title = entries.entries[0]?.title;
  if (title === undefined) {
    throw new FleetError({
      code: 'hub-entry-missing',
      problem: 'the State Hub has no entry of this title',
      place: client.url,
      value: given,
      remedy: 'see the titles with `buildfleet discover`',
    });
  }
  const deleted: string[] = [];
  for (const { domain, capability_type } of entries.entries) {
    const { deleted: gone, left } = await client.ensureAbsent({ domain, capability_type, title }, call);
    deleted.push(...gone);
    if (left.length === 0) continue;
    throw new FleetError({
      code: 'hub-rejected',
      problem: 'the State Hub does not delete entries',
      place: client.url,
      value: left.join(', '),
      remedy: 'delete them by the means of that hub',
    });
  }
  const report: Forgotten = { formatVersion: 1, hub: client.url, title, deleted };
  if (terminal.json) terminal.data(JSON.stringify(report));
  else terminal.message(`the State Hub has forgotten "${title}"`);
  return EXIT.ok;
}
