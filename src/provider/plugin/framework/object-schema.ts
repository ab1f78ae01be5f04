import type { Attribute, Attributes, StoredState } from '../../../model/resource-shape';
import { type ValueType, valueTypeOf } from '../../../model/value-type';
import { toSnakeCase } from '../../../model/wire-names';
import type { WireAttribute, WireSchema } from '../wire/protocol';
import { Unknown, type WireValue } from '../wire/dynamic-value';
import { fromWire, toWire } from './values';

/** An attribute with everything that follows from its zod type. */
export interface AttributeSchema {
  /** As handlers spell it. */
  readonly name: string;
  /** As Terraform spells it. */
  readonly wireName: string;
  readonly type: ValueType;
  readonly attribute: Attribute;
}

/** A top-level object as Terraform sends it: every attribute by its wire name. */
export type WireObject = Readonly<Record<string, WireValue>>;

const MARKDOWN = 1;
/** Numbers of `NestingMode` in the protocol. */
const NESTING = { single: 1, list: 2, map: 4 };

/** The attributes of a resource or of the provider block, ready to translate values. */
export class ObjectSchema {
  readonly attributes: readonly AttributeSchema[];

  /** @throws Error naming the attribute whose zod type Terraform cannot express. */
  constructor(attributes: Attributes) {
    this.attributes = Object.entries(attributes).map(([name, attribute]) => {
      try {
        return { name, wireName: toSnakeCase(name), type: valueTypeOf(attribute.type), attribute };
      } catch (cause) {
        throw new Error(`attribute ${name}: ${(cause as Error).message}`, { cause });
      }
    });
  }

  /** An attribute that is not wholly known becomes undefined; an optional one that is absent becomes null. */
  toHandler(value: WireObject): Record<string, unknown> {
    return Object.fromEntries(
      this.attributes.map(({ name, wireName, type }) => {
        const content = value[wireName] ?? null;
        return [name, containsUnknown(content) ? undefined : fromWire(type, content)];
      }),
    );
  }

  toWire(value: Readonly<Record<string, unknown>>): WireObject {
    return Object.fromEntries(this.attributes.map(({ name, wireName, type }) => [wireName, toWire(type, value[name])]));
  }

  /** State as Terraform stored it: what is gone is dropped, what is new is null. */
  fromStored(stored: StoredState): WireObject {
    return Object.fromEntries(
      this.attributes.map(({ wireName, type }) => [
        wireName,
        toWire(type, fromWire(type, (stored[wireName] ?? null) as WireValue)),
      ]),
    );
  }

  toProtocol(description: string, version = 0): WireSchema {
    const attributes = this.attributes.map((attribute) => topLevelAttribute(attribute));
    return { version, block: { attributes, description, descriptionKind: MARKDOWN } };
  }
}

/** Whether any part of the value is unknown. */
export function containsUnknown(value: WireValue): boolean {
  if (value instanceof Unknown) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value as Record<string, WireValue>).some(containsUnknown);
}

function topLevelAttribute({ wireName, type, attribute }: AttributeSchema): WireAttribute {
  return {
    name: wireName,
    ...typeOnWire(type),
    description: attribute.doc,
    descriptionKind: MARKDOWN,
    required: attribute.kind === 'required',
    optional: attribute.kind === 'optional' || attribute.kind === 'defaulted',
    computed: ['computed', 'defaulted', 'observed'].includes(attribute.kind),
    sensitive: attribute.sensitive,
  };
}

/** Only a nested type lets a configuration leave out some keys of an object. */
function typeOnWire(type: ValueType): Pick<WireAttribute, 'type' | 'nestedType'> {
  if (type.kind === 'object') return nested(type, NESTING.single);
  if (type.kind === 'list' && type.item.kind === 'object') return nested(type.item, NESTING.list);
  if (type.kind === 'map' && type.item.kind === 'object') return nested(type.item, NESTING.map);
  return { type: Buffer.from(JSON.stringify(ctyType(type))) };
}

function nested(type: ValueType & { kind: 'object' }, nesting: number): Pick<WireAttribute, 'nestedType'> {
  const attributes = Object.entries(type.members).map(([name, member]) => ({
    name: toSnakeCase(name),
    ...typeOnWire(member.type),
    description: member.doc,
    descriptionKind: MARKDOWN,
    required: member.absent === 'required',
    optional: member.absent !== 'required',
  }));
  return { nestedType: { attributes, nesting } };
}

function ctyType(type: ValueType): unknown {
  switch (type.kind) {
    case 'boolean':
      return 'bool';
    case 'list':
    case 'map':
      return [type.kind, ctyType(type.item)];
    case 'object':
      return [
        'object',
        Object.fromEntries(
          Object.entries(type.members).map(([name, member]) => [toSnakeCase(name), ctyType(member.type)]),
        ),
      ];
    default:
      return type.kind;
  }
}
