import { same } from '../plan';
import type { Json, RenderedStack } from '../rendered-stack';
import type { Finding } from '../report';
import type { StackComparison } from '../stack-comparison';
import { arrow, listed, valueText } from '../words';
import { CDK_COMMAND } from '../../../model/cdk-command';

type Plan = RenderedStack['plan'];

/** Changes of the fleet as a whole: its state directory, and the providers that serve it. */
export function settingsFindings(comparison: StackComparison): readonly Finding[] {
  return [...movedState(comparison), ...providers(comparison), ...orderOnly(comparison), ...otherBlocks(comparison)];
}

/** Where keys, disks and services of the fleet lie; empty where the plan does not say. */
export function stateDirectoryOf({ plan }: RenderedStack): string {
  const value = providerBlock(plan)['state_directory'];
  return typeof value === 'string' ? value : '';
}

function movedState({ name, before, after }: StackComparison): readonly Finding[] {
  const [one, other] = [providerBlock(before.plan), providerBlock(after.plan)];
  const [backend, newBackend] = [terraform(before.plan)['backend'], terraform(after.plan)['backend']];
  const moved = (subject: string, effect: Finding['effect'], sentence: string): Finding => ({
    ...{ category: 'state-moved', subject, effect, sentence, details: [] },
  });
  return [
    ...(same(one['state_directory'], other['state_directory'])
      ? []
      : [
          moved(
            'state_directory',
            'loss',
            `the state directory becomes another one (${arrow(one['state_directory'], other['state_directory'])}): nothing is moved, and what runs from the old one is no longer looked after; destroy the fleet first, \`${CDK_COMMAND} destroy ${name}\` from the old revision`,
          ),
        ]),
    ...(same(backend, newBackend)
      ? []
      : [
          moved(
            'backend',
            'loss',
            `Terraform's state is kept elsewhere (${arrow(backend, newBackend)}): without \`terraform init -migrate-state\` a deploy knows nothing of what is there`,
          ),
        ]),
    ...(same(one['fleet'], other['fleet'])
      ? []
      : [
          moved(
            'fleet',
            'loss',
            `the fleet is called ${arrow(one['fleet'], other['fleet'])}: VMs of the old name are not its own`,
          ),
        ]),
    ...(same(one['cache_directory'], other['cache_directory'])
      ? []
      : [
          moved(
            'cache_directory',
            'change',
            `images are kept elsewhere (${arrow(one['cache_directory'], other['cache_directory'])}): those that are not there yet are built again, and \`${CDK_COMMAND} diff\` says what that means for VMs`,
          ),
        ]),
  ];
}

function providers({ before, after }: StackComparison): readonly Finding[] {
  const [one, other] = [required(before.plan), required(after.plan)];
  return [...new Set([...Object.keys(one), ...Object.keys(other)])]
    .filter((name) => !same(one[name], other[name]))
    .map((name) => ({
      category: 'provider',
      subject: name,
      effect: 'change',
      sentence: providerSentence(name, one[name], other[name]),
      details: [],
    }));
}

function providerSentence(name: string, before: unknown, after: unknown): string {
  if (name === 'null' && before === undefined) {
    return `null_resource comes from the registry's provider (${sourceText(after)}): \`terraform init\` downloads it`;
  }
  if (name === 'null' && after === undefined) {
    return "null_resource comes from the fleet's own provider: `terraform init` downloads nothing";
  }
  return `provider ${name}: ${sourceText(before)} → ${sourceText(after)}`;
}

function sourceText(requirement: unknown): string {
  if (requirement === undefined) return 'none';
  const { source, version } = requirement as Json;
  return `${valueText(source)} ${valueText(version)}`;
}

/** Terraform's own arguments of objects that stay as they are. The provider of a null_resource is reported above. */
function orderOnly({ changes, before, after }: StackComparison): readonly Finding[] {
  const nullMoved = !same(required(before.plan)['null'], required(after.plan)['null']);
  return changes.flatMap(({ address, type, settings, action }): Finding[] => {
    const told = settings.filter((key) => !(key === 'provider' && type === 'null_resource' && nullMoved));
    if (told.length === 0 || action === 'create' || action === 'destroy') return [];
    return [
      {
        category: 'settings',
        subject: address,
        effect: 'change',
        sentence: `${address}: ${listed(told)} ${told.length === 1 ? 'changes' : 'change'}, which only Terraform reads`,
        details: [],
      },
    ];
  });
}

/** All other blocks of a plan: data sources, outputs, another provider's block. */
function otherBlocks({ before, after }: StackComparison): readonly Finding[] {
  const rest = (plan: Plan): Json => ({
    ...without(plan, ['resource', '//']),
    provider: without((plan['provider'] ?? {}) as Json, ['buildfleet', 'null']),
    terraform: without(terraform(plan), ['backend', 'required_providers']),
  });
  const [one, other] = [rest(before.plan), rest(after.plan)];
  return [...new Set([...Object.keys(one), ...Object.keys(other)])]
    .filter((key) => !same(one[key], other[key]))
    .map((key) => ({
      category: 'settings',
      subject: key,
      effect: 'change',
      sentence: `\`${key}\` of the Terraform input changes`,
      details: [],
    }));
}

function providerBlock({ provider }: Plan): Json {
  const blocks = ((provider ?? {}) as Json)['buildfleet'];
  return ((Array.isArray(blocks) ? blocks[0] : blocks) ?? {}) as Json;
}

function terraform(plan: Plan): Json {
  return (plan['terraform'] ?? {}) as Json;
}

function required(plan: Plan): Json {
  return (terraform(plan)['required_providers'] ?? {}) as Json;
}

function without(object: Json, keys: readonly string[]): Json {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}
