import { accessFindings } from './findings/access';
import { clientFindings } from './findings/clients';
import { fileFindings } from './findings/files';
import { imageFindings } from './findings/images';
import { otherFindings } from './findings/others';
import { portFindings } from './findings/ports';
import { settingsFindings } from './findings/settings';
import { vmFindings } from './findings/vms';
import { workstationFindings } from './findings/workstation';
import { PlanComparison } from './plan';
import type { RenderedStack } from './rendered-stack';
import { CATEGORIES, type Finding, type StackReview } from './report';
import type { StackComparison } from './stack-comparison';
import { summarize } from './summary';
import { textChanges } from './text-changes';
import { counted, valueText } from './words';
import { CDK_COMMAND } from '../../model/cdk-command';

/** Whether a stack stands in the tree, rather than a directory of other files. */
type Presence = { readonly before: boolean; readonly after: boolean };

/** Reviews the change of one fleet. */
export function reviewStack(
  name: string,
  before: RenderedStack,
  after: RenderedStack,
  { before: was, after: is }: Presence,
): StackReview {
  if (was && !is) return removed(name, before);
  const plan = new PlanComparison(before, after);
  const comparison: StackComparison = { name, before, after, plan, changes: plan.changes() };
  const findings = byWeight([
    ...(was ? ofFleetThatStays(comparison) : [addedFleet(name, after)]),
    ...imageFindings(comparison),
    ...vmFindings(comparison),
    ...portFindings(comparison),
  ]);
  const texts = was ? textChanges(comparison, findings) : [];
  const state = !was ? 'added' : findings.length > 0 ? 'changed' : texts.length > 0 ? 'text-only' : 'unchanged';
  return { name, state, summary: summaryOf(findings, texts.length), findings, textChanges: [...texts] };
}

/** Findings that a new fleet implies, so that they are reported only of one that stays. */
function ofFleetThatStays(comparison: StackComparison): readonly Finding[] {
  return [
    ...settingsFindings(comparison),
    ...accessFindings(comparison),
    ...workstationFindings(comparison),
    ...clientFindings(comparison),
    ...fileFindings(comparison),
    ...otherFindings(comparison),
  ];
}

function summaryOf(findings: readonly Finding[], texts: number): string {
  if (findings.length > 0) return summarize(findings);
  if (texts === 0) return 'nothing changes';
  return `nothing changes but the text of ${texts === 1 ? 'one rendered file' : `${texts} rendered files`}`;
}

function addedFleet(name: string, { plan }: RenderedStack): Finding {
  const workstations = Object.values(plan.resource['buildfleet_workstation'] ?? {});
  return {
    category: 'fleet-added',
    subject: name,
    effect: 'change',
    sentence: `fleet ${name} is new; \`${CDK_COMMAND} deploy ${name}\` makes it`,
    details: workstations.flatMap((workstation) => [
      `a private sshd on port ${valueText(workstation['sshd_port'])}, a State Hub on port ${valueText(workstation['hub_port'])}`,
      `keys of ${valueText(workstation['developers'])} may log in`,
    ]),
  };
}

/** Terraform destroys objects that its configuration leaves out, but no deploy of a removed stack runs it any more. */
function removed(name: string, { vms }: RenderedStack): StackReview {
  const names = vms.map((vm) => `${vm.id}${vm.tunnelPort === undefined ? '' : ` (port ${vm.tunnelPort})`}`);
  const finding: Finding = {
    category: 'fleet-removed',
    subject: name,
    effect: 'loss',
    sentence: `fleet ${name} is no longer described, and nothing of it is destroyed by that: run \`${CDK_COMMAND} destroy ${name}\` from the old revision first`,
    details: names.length === 0 ? [] : [`${counted(names, 'VM', 'VMs')} would run on`],
  };
  return { name, state: 'removed', summary: summarize([finding]), findings: [finding], textChanges: [] };
}

/** Within a category as they were found. */
function byWeight(findings: readonly Finding[]): Finding[] {
  return CATEGORIES.flatMap((category) => findings.filter((finding) => finding.category === category));
}
