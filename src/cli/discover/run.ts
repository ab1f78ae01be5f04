import { type Context, openFleet } from '../context';
import { discoverEntries } from './collect';
import { renderDiscovery } from './render';
import { EXIT } from '../exit-codes';

export interface DiscoverOptions {
  readonly type?: string;
  readonly domain?: string;
}

/** `buildfleet discover`: what the fleet's hub holds. */
export async function discover(context: Context, { type, domain }: DiscoverOptions): Promise<number> {
  const { terminal, signal } = context;
  const { fleet, paths } = openFleet(context);
  const report = await discoverEntries({ fleet, paths, type, domain, signal }, new Date());
  if (terminal.json) terminal.data(JSON.stringify(report, null, 2));
  else if (report.entries.length > 0) terminal.data(renderDiscovery(report, terminal.colour, terminal.screen?.columns));
  else terminal.message(`the State Hub at ${report.hub} holds no such entry`);
  if (report.malformed > 0 && !terminal.json)
    terminal.message(`${report.malformed} more cannot be read: they lack an id, a domain, a type or a title`);
  return EXIT.ok;
}
