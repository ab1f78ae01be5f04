import { definitionChanges } from '../definition-changes';
import type { Finding } from '../report';
import type { Json, RenderedStack } from '../rendered-stack';
import type { StackComparison } from '../stack-comparison';
import { arrow, counted, listed, setChange, shortHash } from '../words';

/** An image and the files that are wanted of it. */
interface Image {
  readonly name: string;
  readonly hash: string;
  readonly definitionFile: string;
  readonly formats: readonly string[];
}

/** Images that are built, built anew, converted or no longer wanted, and why. */
export function imageFindings({ before, after }: StackComparison): readonly Finding[] {
  const [earlier, later] = [imagesOf(before), imagesOf(after)];
  return [...new Set([...earlier.keys(), ...later.keys()])].sort().flatMap((name) => {
    const [one, other] = [earlier.get(name), later.get(name)];
    if (one === undefined) return other === undefined ? [] : [added(other, after)];
    if (other === undefined) return [removed(one)];
    return one.hash === other.hash ? converted(one, other) : [rebuilt(one, other, before, after)];
  });
}

function rebuilt(one: Image, other: Image, before: RenderedStack, after: RenderedStack): Finding {
  const definitions = [before.definition(one.definitionFile), after.definition(other.definitionFile)];
  const [earlier = {}, later = {}] = definitions;
  return {
    category: 'image-rebuilt',
    subject: other.name,
    effect: 'change',
    sentence: `image ${other.name} is rebuilt, unless the cache has it already (${arrow(shortHash(one.hash), shortHash(other.hash))})`,
    details: [...definitionChanges(earlier, later), ...formatChanges(one, other)],
  };
}

function added(image: Image, stack: RenderedStack): Finding {
  const users = stack.vms.filter((vm) => vm.image === image.name).map((vm) => vm.id);
  return {
    category: 'image-added',
    subject: image.name,
    effect: 'change',
    sentence: `image ${image.name} is new and is built, unless the cache has it already (${shortHash(image.hash)})`,
    details: [
      ...describe(stack.definition(image.definitionFile)),
      `as ${listed(image.formats)}`,
      users.length === 0 ? 'no VM uses it' : `for ${counted(users, 'VM', 'VMs')}`,
    ],
  };
}

function removed(image: Image): Finding {
  return {
    category: 'image-removed',
    subject: image.name,
    effect: 'change',
    sentence: `image ${image.name} leaves the fleet; the cache keeps it until \`buildfleet image gc\``,
    details: [],
  };
}

function converted(one: Image, other: Image): readonly Finding[] {
  const changes = formatChanges(one, other);
  if (changes.length === 0) return [];
  return [
    {
      category: 'image-converted',
      subject: other.name,
      effect: 'change',
      sentence: `image ${other.name} stays the same, its files do not`,
      details: [...changes],
    },
  ];
}

function formatChanges(one: Image, other: Image): readonly string[] {
  const { added: more, removed: fewer } = setChange(one.formats, other.formats);
  return [
    ...more.map((format) => `wanted as ${format}, too: converted from what is built`),
    ...fewer.map((format) => `no longer wanted as ${format}`),
  ];
}

/** Base and toolchain in a few words. */
function describe(definition: Json | undefined): readonly string[] {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const base = (definition?.['base'] ?? {}) as Json;
  const toolchain = (definition?.['toolchain'] ?? {}) as Json;
  const ghcs = [toolchain['ghc'], toolchain['secondaryGhc']]
    .flat()
    .map(text)
    .filter((version) => version !== '');
  const system = [text(base['kind']), text(base['suite']) || text(base['release'])].filter((part) => part !== '');
  return [
    ...(system.length === 0 ? [] : [`from ${system.join(' ')}`]),
    ...(ghcs.length === 0 ? [] : [`GHC ${listed(ghcs)}, cabal ${text(toolchain['cabal'])}`]),
  ];
}

function imagesOf({ plan }: RenderedStack): ReadonlyMap<string, Image> {
  const images = new Map<string, Image>();
  for (const [key, resource] of Object.entries(plan.resource['buildfleet_image'] ?? {})) {
    const text = (name: string, otherwise: string): string =>
      typeof resource[name] === 'string' ? resource[name] : otherwise;
    const name = text('name', key);
    const formats: string[] = [...(images.get(name)?.formats ?? []), text('format', 'qcow2')];
    const definitionFile = text('definition_file', `${name}/definition.json`);
    images.set(name, { name, hash: text('definition_hash', ''), definitionFile, formats });
  }
  return images;
}
