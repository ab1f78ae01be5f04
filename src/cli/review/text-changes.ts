import { HYPERVISORS } from '../../drivers/hypervisors';
import { HOST_SCRIPTS } from '../../model/image-definition';
import { referencesIn } from './references';
import type { RenderedStack } from './rendered-stack';
import type { Finding, TextChange } from './report';
import type { StackComparison } from './stack-comparison';

const PLAN = 'cdk.tf.json';
const HUB_REFS = 'state-hub-refs.yml';
const DEFINITION = 'definition.json';
const FIRST_DEPLOY_SCRIPTS = new Set(
  Object.values(HYPERVISORS).map(({ firstDeployScript }) => firstDeployScript?.file),
);

/** Findings after which a VM has what its rendered seed and commands say. */
const SEEDING: readonly string[] = ['vm-created', 'vm-destroyed', 'vm-replaced', 'vm-restarted'];
const BUILDING: readonly string[] = ['image-added', 'image-rebuilt', 'image-removed'];

/** Rendered files of a stack that differ although no deploy applies them, with the reason where it is known. */
export function textChanges(comparison: StackComparison, findings: readonly Finding[]): readonly TextChange[] {
  const { before, after } = comparison;
  const applied = new Set(
    [before, after].flatMap(({ plan }) =>
      referencesIn(plan.resource).flatMap((reference) => (reference.kind === 'file' ? [reference.path] : [])),
    ),
  );
  return differing(before.files, after.files)
    .filter((path) => !applied.has(path) && !isTold(path, comparison, findings))
    .map((path) => ({ path, remark: remark(path, comparison) }));
}

/** Paths of files that are not the same on both sides, sorted. */
export function differing(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => before.get(path) !== after.get(path)).sort();
}

function isTold(path: string, comparison: StackComparison, findings: readonly Finding[]): boolean {
  const { before, after } = comparison;
  const [top = '', second = ''] = path.split('/');
  if (path === PLAN) return findings.length > 0;
  if (path === HUB_REFS) return findings.some(({ category }) => category === 'capability');
  if (top === 'vms') return findings.some(({ category, subject }) => SEEDING.includes(category) && subject === second);
  const image = findings.find(({ category, subject }) => BUILDING.includes(category) && subject === top);
  if (image === undefined) return false;
  // with the image all of its files come and go; otherwise only those it is made of say why it is another one
  if (image.category !== 'image-rebuilt' || path === `${top}/${DEFINITION}`) return true;
  return [before, after].some((stack) => definedFiles(stack, top).has(path));
}

function definedFiles(stack: RenderedStack, image: string): ReadonlySet<string> {
  const definition = stack.definition(`${image}/${DEFINITION}`) ?? {};
  const files = ['scripts', 'files', 'overlays'].flatMap((list) => definition[list] ?? []);
  return new Set(files.map((file) => `${image}/${String((file as Readonly<Record<string, unknown>>)['path'])}`));
}

function remark(path: string, { after }: StackComparison): string | null {
  const [top, id, file] = path.split('/');
  if (path === PLAN) return 'only its layout, or what Terraform ignores';
  if (path === 'Makefile') return 'for people who type its targets';
  if (path === 'smoke-test.sh') return 'used by the next smoke test';
  if (path === HUB_REFS) return 'a template; the deployed file has the ids';
  if (top === 'vms' && file !== undefined && FIRST_DEPLOY_SCRIPTS.has(file))
    return 'shows what a first deploy of the VM runs';
  if (top === 'vms' && file !== undefined) {
    return after.vms.some((vm) => vm.id === id)
      ? `VM ${id ?? ''} keeps the seed that it has until something else about it changes`
      : null;
  }
  if (HOST_SCRIPTS.some((script) => path.endsWith(`/${script}`))) return 'for people who import the image by hand';
  return null;
}
