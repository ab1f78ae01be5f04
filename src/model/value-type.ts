import type { z } from 'zod';

/** What a zod type looks like to Terraform. Object keys are camelCase, as in the zod type. */
export type ValueType =
  | { readonly kind: 'string'; readonly choices?: readonly string[] }
  | { readonly kind: 'number' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'list'; readonly item: ValueType }
  | { readonly kind: 'map'; readonly item: ValueType }
  | { readonly kind: 'object'; readonly members: Readonly<Record<string, ObjectMember>> };

/** One key of an object. */
export interface ObjectMember {
  readonly type: ValueType;
  /** `undefined`: the key may be left out. `null`: it is there and may be null. `required`: neither. */
  readonly absent: 'undefined' | 'null' | 'required';
  /** From `.describe(…)`; empty without. */
  readonly doc: string;
}

/** The part of zod's definitions that is read here. */
type Definition =
  | { readonly type: 'string' | 'number' | 'int' | 'boolean' }
  | { readonly type: 'enum'; readonly entries: Readonly<Record<string, unknown>> }
  | { readonly type: 'literal'; readonly values: readonly unknown[] }
  | { readonly type: 'array'; readonly element: z.ZodType }
  | { readonly type: 'record'; readonly valueType: z.ZodType }
  | { readonly type: 'object'; readonly shape: Readonly<Record<string, z.ZodType>> }
  | { readonly type: 'readonly' | 'optional' | 'nullable'; readonly innerType: z.ZodType };

/**
 * Finds the Terraform type of a zod type.
 *
 * @throws Error for zod types that Terraform has no counterpart for (unions, transforms, tuples).
 */
export function valueTypeOf(type: z.ZodType): ValueType {
  const definition = type.def as unknown as Definition;
  switch (definition.type) {
    case 'string':
      return { kind: 'string' };
    case 'number':
    case 'int':
      return { kind: 'number' };
    case 'boolean':
      return { kind: 'boolean' };
    case 'enum':
      return stringChoices(Object.values(definition.entries));
    case 'literal':
      return stringChoices(definition.values);
    case 'array':
      return { kind: 'list', item: valueTypeOf(definition.element) };
    case 'record':
      return { kind: 'map', item: valueTypeOf(definition.valueType) };
    case 'object':
      return {
        kind: 'object',
        members: Object.fromEntries(Object.entries(definition.shape).map(([key, member]) => [key, memberOf(member)])),
      };
    case 'readonly':
    case 'nullable': // of an item: null is a value of every type
      return valueTypeOf(definition.innerType);
    default:
      throw new Error(`zod type ${definition.type} has no Terraform counterpart`);
  }
}

function memberOf(type: z.ZodType): ObjectMember {
  const definition = type.def as unknown as Definition;
  const doc = type.description ?? '';
  if (definition.type === 'optional' || definition.type === 'nullable') {
    const inner = memberOf(definition.innerType);
    const absent = definition.type === 'optional' ? 'undefined' : 'null';
    return { type: inner.type, absent, doc: doc === '' ? inner.doc : doc };
  }
  return { type: valueTypeOf(type), absent: 'required', doc };
}

function stringChoices(values: readonly unknown[]): ValueType {
  if (!values.every((value) => typeof value === 'string')) {
    throw new Error(`choices that are not strings have no Terraform counterpart: ${values.join(', ')}`);
  }
  return { kind: 'string', choices: values };
}
