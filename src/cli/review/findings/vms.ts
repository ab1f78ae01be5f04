import type { ResourceChange } from '../plan';
import type { Json, RenderedStack } from '../rendered-stack';
import type { Finding } from '../report';
import { changesOf, type StackComparison, vmNamed } from '../stack-comparison';
import { arrow, shortHash, valueText } from '../words';
import { attributeTexts, restartFor } from './vm-attributes';

/** VMs that are created, destroyed, replaced or changed, and what in them, in the order in which the fleet lists them. */
export function vmFindings(comparison: StackComparison): readonly Finding[] {
  const { before, after } = comparison;
  const order = [...after.vms, ...before.vms].map(({ id }) => id);
  const findings = changesOf(comparison, 'buildfleet_vm').flatMap((change) => {
    const finding = findingOf(change, comparison);
    return finding === null ? [] : [finding];
  });
  return findings.sort((one, other) => order.indexOf(one.subject) - order.indexOf(other.subject));
}

function findingOf(change: ResourceChange, comparison: StackComparison): Finding | null {
  const { before, after, action } = change;
  const id = vmId(change, comparison);
  if (action === 'create' && after !== null) return created(id, after, comparison.after);
  if (action === 'destroy' && before !== null) return destroyed(id, before);
  if (before === null || after === null || action === 'settings') return null;
  return action === 'replace' ? replaced(id, change, comparison) : updated(id, change, comparison);
}

function created(id: string, vm: Json, stack: RenderedStack): Finding {
  const { host, image } = vmNamed(stack, vm['name']) ?? {};
  return {
    category: 'vm-created',
    subject: id,
    effect: 'change',
    sentence: `VM ${id} is created on port ${valueText(vm['tunnel_port'])}`,
    details: [
      `${valueText(vm['cpus'])} CPUs, ${valueText(vm['memory_mib'], 'MiB')}, network ${valueText(vm['network'] ?? 'nat')}`,
      `${host === undefined ? '' : `on host ${host}, `}${valueText(vm['hypervisor'])}`,
      `from image ${image ?? shortHash(valueText(vm['image_hash']))}`,
    ],
  };
}

function destroyed(id: string, vm: Json): Finding {
  return {
    category: 'vm-destroyed',
    subject: id,
    effect: 'loss',
    sentence: `VM ${id} (port ${valueText(vm['tunnel_port'])}) is destroyed: its disk and what lies under /build/ are lost, its keys and its hub entry go`,
    details: [],
  };
}

function replaced(id: string, change: ResourceChange, { before, after, plan }: StackComparison): Finding {
  const [one, other] = [vmNamed(before, change.before?.['name']), vmNamed(after, change.after?.['name'])];
  const forced = change.attributes.filter((attribute) => attribute.replaces);
  const further = change.attributes.filter((attribute) => !attribute.replaces);
  const keepsKeys = !forced.some(({ name }) => name === 'identity');
  const keepsPort = !further.some(({ name }) => name === 'tunnel_port');
  const kept = [...(keepsKeys ? ['keys'] : []), ...(keepsPort ? ['port'] : [])];
  return {
    category: 'vm-replaced',
    subject: id,
    effect: 'loss',
    sentence: [
      `VM ${id} (port ${valueText(change.before?.['tunnel_port'])}) is replaced: its disk and what lies under /build/ are lost`,
      ...(kept.length === 0 ? [] : [`its ${kept.join(' and ')} ${kept.length === 1 && keepsPort ? 'stays' : 'stay'}`]),
    ].join(', '),
    details: [
      ...forced.flatMap((attribute) => {
        if (attribute.name !== 'image_hash') return attributeTexts([attribute]);
        return [imageReason(one?.image, other?.image, plan.changeOf(`buildfleet_image.${other?.image ?? ''}`))];
      }),
      ...attributeTexts(further.filter(({ name }) => name !== 'image_path')),
      ...hostText(one?.host, other?.host),
    ],
  };
}

function imageReason(one: string | undefined, other: string | undefined, image: ResourceChange | null): string {
  if (one !== other) return `image ${arrow(one, other)}`;
  return image?.action === 'replace' ? `image ${other ?? ''} is rebuilt` : `image ${other ?? ''} is another one`;
}

function updated(id: string, change: ResourceChange, { before, after }: StackComparison): Finding {
  const restart = restartFor(change.attributes);
  const port = `port ${valueText(change.before?.['tunnel_port'])}`;
  const how =
    restart === 'yes'
      ? 'is changed in place and restarted, its disk and keys stay'
      : restart === 'no'
        ? 'is changed in place and runs on'
        : 'is changed in place';
  return {
    category: restart === 'yes' ? 'vm-restarted' : 'vm-updated',
    subject: id,
    effect: restart === 'yes' ? 'interruption' : 'change',
    sentence: `VM ${id} (${port}) ${how}`,
    details: [
      ...attributeTexts(change.attributes),
      ...hostText(vmNamed(before, change.before?.['name'])?.host, vmNamed(after, change.after?.['name'])?.host),
    ],
  };
}

function hostText(before: string | undefined, after: string | undefined): readonly string[] {
  return before === after ? [] : [`host ${arrow(before, after)}`];
}

/** As in `main.ts`, where `fleet.json` says it; else as Terraform calls it. */
function vmId({ before, after, name }: ResourceChange, comparison: StackComparison): string {
  const vm = vmNamed(comparison.after, after?.['name']) ?? vmNamed(comparison.before, before?.['name']);
  return vm?.id ?? name;
}
