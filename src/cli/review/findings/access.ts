import { FleetPaths } from '../../../model/paths';
import { tunnelKeyLine } from '../../../rendering/authorized-keys';
import type { ResourceChange } from '../plan';
import { same } from '../plan';
import type { Json, RenderedStack } from '../rendered-stack';
import type { Finding } from '../report';
import { changesOf, type StackComparison } from '../stack-comparison';
import { listed, setChange } from '../words';
import { stateDirectoryOf } from './settings';

/** Changes of access: of developers to the VMs, of tunnel keys to the workstation. Of a fleet that stays. */
export function accessFindings(comparison: StackComparison): readonly Finding[] {
  return [
    ...changesOf(comparison, 'buildfleet_workstation').flatMap((change) => developers(change, comparison)),
    ...tunnelKeys(comparison),
  ];
}

function developers(change: ResourceChange, { after }: StackComparison): readonly Finding[] {
  const attribute = change.attributes.find(({ name }) => name === 'developers');
  if (attribute === undefined) return [];
  const [one, other] = [attribute.before, attribute.after].map((value) =>
    Array.isArray(value) ? value.map(String) : [],
  ) as [string[], string[]];
  const { added, removed } = setChange(one, other);
  const vms = after.vms.map(({ id }) => id);
  const where = vms.length === 0 ? 'VMs' : listed(vms);
  const of = (path: string, may: string, effect: Finding['effect']): Finding => ({
    category: 'access',
    subject: path,
    effect,
    sentence: `keys of ${path} ${may} log in to ${where}`,
    details: [],
  });
  const order: Finding = {
    category: 'access',
    subject: 'developers',
    effect: 'change',
    sentence: `developers stand in another order: ${other.join(', ')}`,
    details: [],
  };
  return [
    ...added.map((path) => of(path, 'may', 'change')),
    ...removed.map((path) => of(path, 'may no longer', 'loss')),
    ...(added.length + removed.length === 0 ? [order] : []),
  ];
}

/** Permissions of each tunnel key on the workstation, by the key's owner. */
function tunnelKeys({ before, after }: StackComparison): readonly Finding[] {
  const [earlier, later] = [tunnelKeyLines(before), tunnelKeyLines(after)];
  const owners = [...new Set([...earlier.keys(), ...later.keys()])].sort();
  return owners.flatMap((owner): Finding[] => {
    const [one, other] = [earlier.get(owner), later.get(owner)];
    if (same(one, other)) return [];
    const about = { subject: owner, effect: 'change' as const, details: [] };
    // a key that opens its VM's port and the hub follows from the VM; any other is reported
    if (isUsual(one, owner, before) && isUsual(other, owner, after)) {
      return [{ ...about, category: 'tunnel-key', sentence: usualKey(owner, after) }];
    }
    return [{ ...about, category: 'access', ...unusualKey(owner, one, other) }];
  });
}

function isUsual(options: readonly string[] | undefined, owner: string, stack: RenderedStack): boolean {
  const ports = portsOf(owner, stack);
  return (
    options === undefined || (ports !== null && same(options, optionsOf(tunnelKeyLine({ ...ports, publicKey: '' }))))
  );
}

function usualKey(owner: string, stack: RenderedStack): string {
  const ports = portsOf(owner, stack);
  if (ports === null) return `the tunnel key of ${owner} opens nothing any more`;
  return `the tunnel key of ${owner} opens ports ${ports.port} and ${ports.hubPort} (State Hub), and nothing else`;
}

function unusualKey(
  owner: string,
  before: readonly string[] | undefined,
  after: readonly string[] | undefined,
): Pick<Finding, 'sentence' | 'details'> {
  const { added, removed } = setChange(before ?? [], after ?? []);
  if (after === undefined) return { sentence: `the key ${owner} opens nothing any more`, details: [] };
  const details = [...removed.map((option) => `no longer ${option}`), ...added.map((option) => `now ${option}`)];
  if (before === undefined) return { sentence: `the key ${owner} may log in to the private sshd`, details };
  return { sentence: `the tunnel key of ${owner} may do something else at the private sshd`, details };
}

function portsOf(owner: string, { vms, plan }: RenderedStack): { port: number; hubPort: number } | null {
  const vm = vms.find(({ id }) => id === owner);
  const resources = Object.values(plan.resource['buildfleet_vm'] ?? {});
  const hub = resources.find(({ name }) => name === vm?.name)?.['hub'] as Json | undefined;
  return vm?.tunnelPort === undefined ? null : { port: vm.tunnelPort, hubPort: Number(hub?.['port']) };
}

/** Options of each line of the private sshd's authorized_keys. */
function tunnelKeyLines(stack: RenderedStack): ReadonlyMap<string, readonly string[]> {
  const path = new FleetPaths(stateDirectoryOf(stack)).tunnelAuthorizedKeys;
  const files = Object.values(stack.plan.resource['buildfleet_managed_file'] ?? {});
  const content = files.find((file) => file['path'] === path)?.['content'];
  const lines = typeof content === 'string' ? content.split('\n').filter((line) => line !== '') : [];
  const keys = new Map<string, readonly string[]>();
  for (const line of lines) {
    const owner = ownerOf(line.slice(optionText(line).length).trim(), stack);
    // a key with two lines may do what either of them says, and is no usual one
    keys.set(owner, [...(keys.get(owner) ?? []), ...optionsOf(line)]);
  }
  return keys;
}

/** What stands before the key: nothing where the line begins with its type. */
function optionText(line: string): string {
  const [first = ''] = /^(?:[^\s"]|"[^"]*")*/.exec(line) ?? [];
  return /^(ssh|ecdsa|sk)-|^\$\{/.test(first) ? '' : first;
}

function optionsOf(line: string): readonly string[] {
  return optionText(line).match(/(?:[^,"]|"[^"]*")+/g) ?? [];
}

/** The VM whose key it is; a key that is no reference stands for itself. */
function ownerOf(key: string, stack: RenderedStack): string {
  const [, identity] = /^\$\{buildfleet_identity\.([A-Za-z0-9_-]+)\.tunnel_public_key\}$/.exec(key) ?? [];
  if (identity === undefined) return key;
  const name = stack.plan.resource['buildfleet_identity']?.[identity]?.['vm_name'];
  return stack.vms.find((vm) => vm.name === name)?.id ?? identity;
}
