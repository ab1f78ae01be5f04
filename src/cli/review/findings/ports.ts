import type { PortEntry } from '../../../model/port-registry';
import type { RenderedStack } from '../rendered-stack';
import type { Category, Finding } from '../report';
import type { StackComparison } from '../stack-comparison';

/** Tunnel ports of the workstation that change hands. */
export function portFindings({ before, after }: StackComparison): readonly Finding[] {
  const ports = [...new Set([...before.ports.keys(), ...after.ports.keys()])].sort((one, other) => one - other);
  return ports.flatMap((port): Finding[] => {
    const told = tell(port, slot(before, port), slot(after, port));
    if (told === null) return [];
    const [category, sentence] = told;
    return [{ category, subject: String(port), effect: 'change', sentence, details: [] }];
  });
}

interface Slot {
  /** Name of the VM that it is reserved for. */
  readonly owner: string | null;
  /** Whether the fleet has that VM. */
  readonly inUse: boolean;
}

function slot(stack: RenderedStack, port: number): Slot {
  const owner = ownerOf(stack.ports.get(port));
  return { owner, inUse: owner !== null && stack.vms.some((vm) => vm.name === owner && vm.tunnelPort === port) };
}

function ownerOf(entry: PortEntry | undefined): string | null {
  return entry?.status === 'reserved' ? entry.vm_name : null;
}

function tell(port: number, before: Slot, after: Slot): readonly [Category, string] | null {
  const owner = after.owner;
  if (owner === null) return before.owner === null ? null : ['port-freed', `port ${port} of ${before.owner} is freed`];
  if (before.owner !== owner) {
    const former = before.owner === null ? '' : `, which ${before.owner} had`;
    if (after.inUse)
      return [before.owner === null ? 'port-taken' : 'port-moved', `port ${port} is taken by ${owner}${former}`];
    return ['port-reserved', `port ${port} is kept for ${owner}, which is not in this fleet${former}`];
  }
  if (before.inUse === after.inUse) return null;
  if (after.inUse) return ['port-taken', `port ${port}, which was kept for ${owner}, is taken by it again`];
  return ['port-reserved', `port ${port} stays reserved for ${owner} until \`buildfleet ports release ${port}\``];
}
