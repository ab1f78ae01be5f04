import type { ResourceChange } from '../plan';
import { SHAPES } from '../plan';
import type { Finding } from '../report';
import { changesOf, type StackComparison } from '../stack-comparison';
import { counted, valueText } from '../words';
import { CDK_COMMAND } from '../../../model/cdk-command';

/** Logical ids of smoke tests end so; before it stands the VM's. */
const SMOKE = /^(.+)_smoke$/;

/** Keys that are made anew, tests that run again, and resources of types that have no words of their own. */
export function otherFindings(comparison: StackComparison): readonly Finding[] {
  return [
    ...changesOf(comparison, 'buildfleet_identity').flatMap((change) => identity(change, comparison)),
    ...smokeTests(comparison),
    ...comparison.changes.filter(({ type, name }) => isUnknown(type, name)).flatMap(resource),
  ];
}

/** The finding on a VM that is created or destroyed implies its keys. */
function identity({ action, name, before, after }: ResourceChange, { plan }: StackComparison): readonly Finding[] {
  const vm = plan.changeOf(`buildfleet_vm.${name.replace(/_identity$/, '')}`);
  if (action === 'settings' || action === 'update' || vm?.action === action) return [];
  const subject = valueText((after ?? before)?.['vm_name'] ?? name);
  const what = { create: 'are made', destroy: 'are deleted', replace: 'are made anew' }[action];
  return [
    {
      category: 'keys',
      subject,
      effect: 'change',
      sentence: `tunnel key and host key of ${subject} ${what}`,
      details: [],
    },
  ];
}

function smokeTests(comparison: StackComparison): readonly Finding[] {
  const tests = changesOf(comparison, 'null_resource').filter(({ name }) => SMOKE.test(name));
  const vmOf = ({ name }: ResourceChange): string => SMOKE.exec(name)?.[1] ?? name;
  const order = comparison.after.vms.map(({ id }) => id);
  const run = tests
    .filter(({ action }) => action === 'create' || action === 'replace')
    .map(vmOf)
    .sort((one, other) => order.indexOf(one) - order.indexOf(other));
  // the finding on a new or removed VM implies its test
  const gone = tests
    .filter(({ action }) => action === 'destroy')
    .map(vmOf)
    .filter((vm) => comparison.plan.changeOf(`buildfleet_vm.${vm}`)?.action !== 'destroy');
  const about = { category: 'smoke-test' as const, effect: 'change' as const, details: [] };
  return [
    ...gone.map((vm) => ({
      ...about,
      subject: vm,
      sentence: `VM ${vm} is no longer proved by a smoke test after a change`,
    })),
    ...(run.length === 0
      ? []
      : [
          {
            ...about,
            subject: run.join(' '),
            sentence: `${counted(run, 'the smoke test of', 'the smoke tests of')} ${run.length === 1 ? 'runs' : 'run'}`,
          },
        ]),
  ];
}

function isUnknown(type: string, name: string): boolean {
  return type === 'null_resource' ? !SMOKE.test(name) : SHAPES.every((shape) => shape.type !== type);
}

function resource({ address, action, attributes }: ResourceChange): readonly Finding[] {
  if (action === 'settings') return [];
  const what = {
    create: 'is created',
    destroy: 'is destroyed',
    replace: 'is replaced',
    update: `is changed; whether it is replaced, \`${CDK_COMMAND} diff\` says`,
  }[action];
  return [
    {
      category: 'resource',
      subject: address,
      effect: action === 'destroy' || action === 'replace' ? 'loss' : 'change',
      sentence: `${address} ${what}`,
      details: attributes.map(({ name }) => name.replaceAll('_', ' ')),
    },
  ];
}
