import type { AttributeChange, ResourceChange } from '../plan';
import type { Finding } from '../report';
import { changesOf, type StackComparison } from '../stack-comparison';
import { arrow, setChange, valueText } from '../words';

/** Where the tunnels end, and the State Hub's entry for the type of the machines. */
export function workstationFindings(comparison: StackComparison): readonly Finding[] {
  return [
    ...changesOf(comparison, 'buildfleet_workstation').flatMap((change) => workstation(change)),
    ...changesOf(comparison, 'buildfleet_capability').flatMap((change) => capability(change)),
  ];
}

function workstation({ action, name, before, after, attributes }: ResourceChange): readonly Finding[] {
  const about = { category: 'workstation' as const, subject: name, effect: 'interruption' as const, details: [] };
  if (action === 'create' && after !== null) {
    const ports = `port ${valueText(after['sshd_port'])} and a State Hub on port ${valueText(after['hub_port'])}`;
    return [{ ...about, effect: 'change', sentence: `a private sshd on ${ports} are started` }];
  }
  if (action === 'destroy' && before !== null) {
    return [{ ...about, effect: 'loss', sentence: 'the private sshd and the State Hub are removed' }];
  }
  return attributes
    .filter((attribute) => attribute.name !== 'developers')
    .map((attribute) => ({ ...about, sentence: workstationSentence(attribute) }));
}

function workstationSentence({ name, before, after }: AttributeChange): string {
  switch (name) {
    case 'sshd_port':
      return `the private sshd moves to another port (${arrow(before, after)}): it is restarted and tunnels are dialled again`;
    case 'hub_port':
      return `the State Hub moves to another port (${arrow(before, after)}): it and the private sshd are restarted`;
    case 'address':
      return `the private sshd listens for VMs of the network on another address (${arrow(before, after)}): it is restarted and tunnels are dialled again`;
    case 'tunnel_ports':
      return `tunnels may use other ports of the workstation (${rangeText(before)} → ${rangeText(after)}): the private sshd is restarted`;
    default:
      return `${name.replaceAll('_', ' ')} of the workstation changes (${arrow(before, after)})`;
  }
}

function rangeText(range: unknown): string {
  const { first, last } = (range ?? {}) as Readonly<Record<string, unknown>>;
  return `${valueText(first)}-${valueText(last)}`;
}

function capability({ action, address, before, after, attributes }: ResourceChange): readonly Finding[] {
  if (action === 'settings') return [];
  const type = valueText((after ?? before)?.['capability_type']);
  const what = {
    create: 'is registered',
    destroy: 'is removed',
    replace: 'is replaced: the hub gives it another id',
    update: 'is changed',
  }[action];
  return [
    {
      category: 'capability',
      subject: address,
      effect: action === 'destroy' ? 'loss' : 'change',
      sentence: `the entry of type ${type} in the State Hub ${what}`,
      details: attributes.flatMap(capabilityText),
    },
  ];
}

function capabilityText({ name, before, after }: AttributeChange): readonly string[] {
  if (name === 'hub_url') return [`address of the State Hub ${arrow(before, after)}`];
  if (name !== 'keywords') return [`${name.replaceAll('_', ' ')} ${arrow(before, after)}`];
  const [one, other] = [before, after].map((value) => (Array.isArray(value) ? value.map(String) : [])) as [
    string[],
    string[],
  ];
  const { added, removed } = setChange(one, other);
  if (added.length + removed.length === 0) return ['another order of keywords'];
  return [...added.map((word) => `keyword ${word} added`), ...removed.map((word) => `keyword ${word} removed`)];
}
