import { toSnakeCase } from '../../../model/wire-names';
import type { ValueType } from '../../../model/value-type';
import { Unknown, type WireValue } from '../wire/dynamic-value';

/** Where an unknown value stood, as keys and indexes in the handler's spelling. */
export type ValuePath = readonly PropertyKey[];

/**
 * Turns what Terraform sent into what a handler works with. A number too large for msgpack arrives as text.
 *
 * @param onUnknown called for each unknown value, which becomes undefined
 */
export function fromWire(type: ValueType, value: WireValue, onUnknown?: OnUnknown): unknown {
  if (value === null) return null;
  if (value instanceof Unknown) {
    onUnknown?.([]);
    return undefined;
  }
  switch (type.kind) {
    case 'number':
      return Number(value);
    case 'list':
      return (value as readonly WireValue[]).map((item, index) => fromWire(type.item, item, below(onUnknown, index)));
    case 'map':
      return mapEntries(value as Record<string, WireValue>, (key, item) => [
        key,
        fromWire(type.item, item, below(onUnknown, key)),
      ]);
    case 'object': {
      const source = value as Record<string, WireValue>;
      const result: Record<string, unknown> = {};
      for (const [name, member] of Object.entries(type.members)) {
        const item = source[toSnakeCase(name)] ?? null;
        if (item === null && member.absent === 'undefined') continue;
        result[name] = fromWire(member.type, item, below(onUnknown, name));
      }
      return result;
    }
    default:
      return value;
  }
}

type OnUnknown = (path: ValuePath) => void;

/** Puts the step in front of the path only where something is unknown, which is rare. */
function below(onUnknown: OnUnknown | undefined, step: PropertyKey): OnUnknown | undefined {
  return (
    onUnknown &&
    ((path) => {
      onUnknown([step, ...path]);
    })
  );
}

/** Turns what a handler answered into what Terraform expects: undefined becomes null, at every depth. */
export function toWire(type: ValueType, value: unknown): WireValue {
  if (value === null || value === undefined) return null;
  switch (type.kind) {
    case 'list':
      return (value as readonly unknown[]).map((item) => toWire(type.item, item));
    case 'map':
      return mapEntries(value as Record<string, unknown>, (key, item) => [key, toWire(type.item, item)]);
    case 'object':
      return mapEntries(type.members, (name, member) => [
        toSnakeCase(name),
        toWire(member.type, (value as Record<string, unknown>)[name]),
      ]);
    default:
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-assertion -- two rules disagree about this narrowing
      return value as boolean;
  }
}

/** Equality of wire values. An unknown value equals nothing, itself neither. */
export function sameValue(left: WireValue, right: WireValue): boolean {
  if (left instanceof Unknown || right instanceof Unknown) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    return (
      Array.isArray(left) &&
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((item, index) => sameValue(item as WireValue, right[index] as WireValue))
    );
  }
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return left === right;
  const a = left as Record<string, WireValue>;
  const b = right as Record<string, WireValue>;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameValue(a[key] ?? null, b[key] ?? null))
  );
}

function mapEntries<A, B>(record: Readonly<Record<string, A>>, change: (key: string, value: A) => [string, B]) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => change(key, value)));
}
