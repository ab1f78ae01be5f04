import {
  BUILD_AGENT_TYPE,
  hostNameOfTitle,
  isTypeEntry,
  parseInstanceKeywords,
  type NewCapability,
} from '../model/capability';
import { ownerOf, type HubClientIdentity } from './clients';
import type { Tunnels } from './tunnels';

type Named = Pick<NewCapability, 'capability_type' | 'title' | 'keywords'>;

/** An entry that is there, with its author. */
export interface Present {
  readonly entry: Named;
  readonly owner: string;
}

/** Why a client may not write; undefined when it may. */
export type Refusal = { readonly code: 'no-identity' | 'not-its-own'; readonly message: string } | undefined;

/** Whether a client may write anything at all. */
export function mayWrite(client: HubClientIdentity): Refusal {
  if (client.kind !== 'guest') return undefined;
  return {
    code: 'no-identity',
    message:
      "this hub takes entries and notes from VMs through their own tunnels, and from the operator through the hub's socket",
  };
}

/**
 * Whether a client may change or delete an entry that is there. A VM may its own: the one with its title.
 *
 * @param tunnels names that belong to other VMs, for one whose own name is not known
 */
export function mayTouch(client: HubClientIdentity, present: Present, tunnels: Tunnels): Refusal {
  if (client.kind !== 'vm') return mayWrite(client);
  const others = client.name === undefined && !['', ownerOf(client)].includes(present.owner);
  return others || !isOwn(client, present.entry, tunnels)
    ? notOwn(client, `the entry ${present.entry.title}`)
    : undefined;
}

/** Whether a client may have an entry say this. A VM's names no other machine, and defines no type. */
export function maySay(client: HubClientIdentity, entry: Named, tunnels: Tunnels): Refusal {
  if (client.kind !== 'vm') return mayWrite(client);
  if (!isOwn(client, entry, tunnels)) return notOwn(client, `the title ${entry.title}`);
  const host = hostNameOfTitle(entry.title);
  const foreign = entry.keywords.find(
    (word) =>
      (word.startsWith('host:') && word !== `host:${host}`) ||
      (word.startsWith('tunnel-port:') && parseInstanceKeywords([word]).tunnelPort !== client.port),
  );
  return foreign === undefined ? undefined : notOwn(client, `the keyword ${foreign}`);
}

function isOwn(client: HubClientIdentity & { kind: 'vm' }, entry: Named, tunnels: Tunnels): boolean {
  const host = hostNameOfTitle(entry.title);
  if (host === undefined || entry.capability_type !== BUILD_AGENT_TYPE || isTypeEntry(entry)) return false;
  return client.name === undefined ? ![...tunnels.values()].includes(host) : host === client.name;
}

function notOwn(client: HubClientIdentity & { kind: 'vm' }, what: string): Refusal {
  return {
    code: 'not-its-own',
    message: `${what} does not belong to the VM with tunnel port ${client.port}${client.name === undefined ? '' : `, ${client.name}`}`,
  };
}
