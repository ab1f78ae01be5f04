import type { Attribute, AttributeKind, Attributes, ResourceShape } from '../../src/model/resource-shape';
import { type ObjectMember, type ValueType, valueTypeOf } from '../../src/model/value-type';
import { toSnakeCase } from '../../src/model/wire-names';

/**
 * Reference pages of resource types, one Markdown file each, named after the type (`buildfleet_vm.md`), in the order
 * of their names.
 */
export function renderReference(shapes: readonly ResourceShape[]): Map<string, string> {
  const sorted = [...shapes].sort((a, b) => (a.type < b.type ? -1 : 1));
  return new Map(sorted.map((shape) => [`${shape.type}.md`, renderPage(shape)]));
}

/** The page of the provider block. */
export function renderProviderPage(attributes: Attributes): string {
  const named = Object.entries(attributes).map(([name, attribute]) => ({ name, attribute }));
  const intro = "The provider's block, which a stack renders from its own properties.";
  return `${['# Provider buildfleet', intro, ...section('Arguments', named)].join('\n\n')}\n`;
}

function renderPage(shape: ResourceShape): string {
  const attributes = Object.entries(shape.attributes).map(([name, attribute]) => ({ name, attribute }));
  const configured = attributes.filter(({ attribute }) => KIND_WORDS[attribute.kind] !== 'read-only');
  const computed = attributes.filter(({ attribute }) => KIND_WORDS[attribute.kind] === 'read-only');
  const sections = [
    `# ${shape.type}`,
    shape.description,
    ...section('Arguments', configured),
    ...section('Attributes', computed),
    ...importSection(shape),
  ];
  return `${sections.join('\n\n')}\n`;
}

function importSection({ type, importId }: ResourceShape): string[] {
  if (importId === undefined) return [];
  const command = `terraform import ${type}.NAME '${importId.example}'`;
  return ['## Import', importId.doc, `\`\`\`\n${command}\n\`\`\``];
}

interface Named {
  readonly name: string;
  readonly attribute: Attribute;
}

function section(title: string, attributes: readonly Named[]): string[] {
  if (attributes.length === 0) return [];
  return [`## ${title}`, attributes.map((entry) => renderAttribute(entry)).join('\n')];
}

const KIND_WORDS: Readonly<Record<AttributeKind, string>> = {
  required: 'required',
  optional: 'optional',
  defaulted: 'optional',
  computed: 'read-only',
  observed: 'read-only',
};

function renderAttribute({ name, attribute }: Named): string {
  const type = valueTypeOf(attribute.type);
  const notes = [
    typeWords(type),
    KIND_WORDS[attribute.kind],
    ...(attribute.kind === 'defaulted' ? [`default \`${JSON.stringify(attribute.default)}\``] : []),
    ...(attribute.kind === 'observed' ? [`kept at \`${JSON.stringify(attribute.default)}\``] : []),
    ...(attribute.replaces ? ['a change makes a new object'] : []),
    ...(attribute.sensitive ? ['sensitive'] : []),
  ];
  const line = `- \`${toSnakeCase(name)}\` (${notes.join(', ')}): ${oneLine(attribute.doc)}`;
  return [line, ...renderMembers(type, '  ')].join('\n');
}

function renderMembers(type: ValueType, indent: string): string[] {
  if (type.kind === 'list' || type.kind === 'map') return renderMembers(type.item, indent);
  if (type.kind !== 'object') return [];
  return Object.entries(type.members).flatMap(([name, member]) => [
    renderMember(name, member, indent),
    ...renderMembers(member.type, `${indent}  `),
  ]);
}

function renderMember(name: string, member: ObjectMember, indent: string): string {
  const presence = member.absent === 'required' ? 'required' : 'optional';
  const doc = member.doc === '' ? '' : `: ${oneLine(member.doc)}`;
  return `${indent}- \`${toSnakeCase(name)}\` (${typeWords(member.type)}, ${presence})${doc}`;
}

function typeWords(type: ValueType): string {
  switch (type.kind) {
    case 'list':
      return `list of ${typeWords(type.item)}`;
    case 'map':
      return `map of ${typeWords(type.item)}`;
    case 'string':
      return type.choices ? type.choices.map((choice) => `\`${choice}\``).join(' or ') : 'string';
    default:
      return type.kind;
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
