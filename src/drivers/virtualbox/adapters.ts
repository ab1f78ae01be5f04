import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FleetError } from '../../model/errors';
import type { VmSpec } from '../driver';
import type { HostAdapter } from './output';

/**
 * The adapter that a bridged VM gets: the given one, else the first that is up, wired before wireless, one with an
 * address before one without.
 *
 * @throws FleetError naming the adapters that there are. VirtualBox itself takes any name and fails at the start.
 */
export function chooseAdapter(spec: Pick<VmSpec, 'name' | 'bridgeAdapter'>, adapters: readonly HostAdapter[]): string {
  const there = adapters.map((adapter) => `${adapter.name}${adapter.isUp ? '' : ' (down)'}`).join(', ') || 'none';
  if (spec.bridgeAdapter !== null) {
    if (adapters.some(({ name }) => name === spec.bridgeAdapter)) return spec.bridgeAdapter;
    throw new FleetError({
      code: 'bridge-adapter-missing',
      problem: `the host has no such network adapter; it has: ${there}`,
      place: spec.name,
      value: spec.bridgeAdapter,
      remedy: 'name one of those, or none to take the first that is up',
      attribute: 'bridgeAdapter',
    });
  }
  const rank = (adapter: HostAdapter) => (isWireless(adapter) ? 2 : 0) + (adapter.hasAddress ? 0 : 1);
  const [best] = adapters.filter(({ isUp }) => isUp).sort((a, b) => rank(a) - rank(b));
  if (best) return best.name;
  throw new FleetError({
    code: 'bridge-adapter-missing',
    problem: `no network adapter of the host is up; it has: ${there}`,
    place: spec.name,
    remedy: 'connect the host to a network, or use the network nat',
    attribute: 'network',
  });
}

const LINUX_ADAPTERS = '/sys/class/net';

function isWireless(adapter: HostAdapter): boolean {
  return adapter.isWireless ?? existsSync(join(LINUX_ADAPTERS, adapter.name, 'wireless'));
}

/** False only where it can be told cheaply that the host has no such adapter (any more). */
export function mayExist(adapter: string, directory = LINUX_ADAPTERS): boolean {
  return adapter.includes('/') || !existsSync(directory) || existsSync(join(directory, adapter));
}
