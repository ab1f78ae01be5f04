import { toSnakeCase } from '../../../model/wire-names';
import type { managedFileShape } from '../../../model/resources/managed-file';
import type { managedFilesShape } from '../../../model/resources/managed-files';
import type { ResourceChange } from '../plan';
import { referencesIn } from '../references';
import type { Json, RenderedStack } from '../rendered-stack';
import type { Finding } from '../report';
import { changesOf, type StackComparison } from '../stack-comparison';
import { arrow, listed, valueText } from '../words';
import { stateDirectoryOf } from './settings';

const CONTENT = toSnakeCase('content' satisfies keyof typeof managedFileShape.attributes);
const FILES = toSnakeCase('files' satisfies keyof typeof managedFilesShape.attributes);

/** Files on the workstation. New content of the fleet's own files follows from other findings: one line names them. */
export function fileFindings(comparison: StackComparison): readonly Finding[] {
  const changes = changesOf(comparison, 'buildfleet_managed_file').filter(
    (change) => change.action !== 'settings' && !movesWithState(change, comparison),
  );
  const own = changes.filter((change) => isOwnContent(change, comparison));
  const others = changes.filter((change) => !own.includes(change));
  return [
    ...tunnels(comparison),
    ...others.map((change) => oneFile(change)),
    ...(own.length === 0 ? [] : [rewritten(own)]),
  ];
}

/** Entries of the tunnel catalog, one file a VM. */
function tunnels({ before, after }: StackComparison): readonly Finding[] {
  // the text names the state directory, whose change is another finding
  const moved = (text: string | undefined) => text?.replaceAll(stateDirectoryOf(before), stateDirectoryOf(after));
  const [earlier, later] = [catalogOf(before), catalogOf(after)];
  return [...new Set([...earlier.keys(), ...later.keys()])].sort().flatMap((name): Finding[] => {
    const [one, other] = [moved(earlier.get(name)), later.get(name)];
    if (one === other) return [];
    const what = one === undefined ? 'gets' : other === undefined ? 'loses' : 'changes';
    const sentence = `the tunnel catalog ${what} ${name}`;
    return [{ category: 'tunnel', subject: name, effect: 'change', sentence, details: [] }];
  });
}

/** What the tunnel catalog says of each VM: the text itself, also where the plan names the file that holds it. */
function catalogOf({ plan, files }: RenderedStack): ReadonlyMap<string, string> {
  const resources = Object.values(plan.resource['buildfleet_managed_files'] ?? {});
  const entries = resources.flatMap((resource) => Object.entries((resource[FILES] ?? {}) as Json));
  return new Map(
    entries.map(([file, content]) => {
      const [reference] = referencesIn(content);
      const text = reference?.kind === 'file' ? files.get(reference.path) : undefined;
      return [file.replace(/\.yml$/, ''), text ?? valueText(content)];
    }),
  );
}

function rewritten(changes: readonly ResourceChange[]): Finding {
  const names = changes.map((change) => baseName(pathOf(change)));
  return {
    category: 'file',
    subject: 'state-directory',
    effect: 'change',
    sentence: `deployed files of the fleet are written again: ${listed(names)}`,
    details: [],
  };
}

function oneFile(change: ResourceChange): Finding {
  const { action, before, after, attributes } = change;
  const block = (after ?? before)?.['block'];
  const file = block === undefined || block === null ? '' : `the block \`${valueText(block)}\` of `;
  const [from, to] = [before, after].map((config) => valueText(config?.['path']));
  const about = { category: 'file' as const, subject: pathOf(change), effect: 'change' as const };
  if (action === 'create') return { ...about, sentence: `${file}${to ?? ''} is written`, details: [] };
  if (action === 'destroy') return { ...about, sentence: `${file}${from ?? ''} is removed`, details: [] };
  if (from !== to) return { ...about, sentence: `${file}${from ?? ''} moves to ${to ?? ''}`, details: [] };
  return {
    ...about,
    sentence: `${file}${to ?? ''} is written again`,
    details: attributes
      .filter(({ name }) => name !== CONTENT)
      .map(({ name, before: one, after: other }) => `${name.replaceAll('_', ' ')} ${arrow(one, other)}`),
  };
}

/** Whether it is a file of the state directory of which nothing but the content changes. */
function isOwnContent({ action, after, attributes }: ResourceChange, comparison: StackComparison): boolean {
  if (action !== 'update' || after === null) return false;
  const inside = valueText(after['path']).startsWith(`${stateDirectoryOf(comparison.after)}/`);
  return inside && attributes.every(({ name }) => name === CONTENT);
}

/** Whether it lies in the state directory as before, and only that is another one. */
function movesWithState({ before, after }: ResourceChange, comparison: StackComparison): boolean {
  const [one, other] = [comparison.before, comparison.after].map(stateDirectoryOf) as [string, string];
  if (before === null || after === null || one === other) return false;
  const [from, to] = [before, after].map((config) => valueText(config['path'])) as [string, string];
  return from.startsWith(`${one}/`) && to === `${other}${from.slice(one.length)}`;
}

function pathOf({ before, after }: ResourceChange): string {
  return valueText((after ?? before)?.['path']);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
