import type { PlanAdvice } from '../resource';
import type { ResourceShape } from '../../../model/resource-shape';
import { Unknown, type WireValue } from '../wire/dynamic-value';
import { type AttributeSchema, type ObjectSchema, type WireObject } from './object-schema';
import { sameValue, toWire } from './values';

/** What is to happen to one object. */
export interface ResourcePlan {
  readonly planned: WireObject;
  /** Handler's names of attributes whose change needs a new object. */
  readonly replace: readonly string[];
}

/** The configuration with defaults; computed and observed values as given. */
function fromConfig(
  schema: ObjectSchema,
  config: WireObject,
  computedValue: (wireName: string) => WireValue,
  observedValue: (attribute: AttributeSchema) => WireValue = desired,
): WireObject {
  return Object.fromEntries(
    schema.attributes.map((described) => {
      const { wireName, type, attribute } = described;
      const configured = config[wireName] ?? null;
      if (attribute.kind === 'computed') return [wireName, computedValue(wireName)];
      if (attribute.kind === 'observed') return [wireName, observedValue(described)];
      if (attribute.kind === 'defaulted' && configured === null) return [wireName, toWire(type, attribute.default)];
      return [wireName, configured];
    }),
  );
}

function desired({ type, attribute }: AttributeSchema): WireValue {
  return toWire(type, attribute.default);
}

/** A new object: everything computed or observed is unknown until it exists. */
export function planCreation(schema: ObjectSchema, config: WireObject): ResourcePlan {
  const unknown = () => Unknown.value;
  return { planned: fromConfig(schema, config, unknown, unknown), replace: [] };
}

/**
 * A change of an existing object. Nothing computed becomes unknown unless something configured changes, so that a plan
 * without changes is empty and one that heals an observed attribute names nothing else.
 *
 * @param advice the handler's own view, asked only when something changes
 */
export function planUpdate(
  schema: ObjectSchema,
  canUpdate: boolean,
  prior: WireObject,
  config: WireObject,
  advice: (planned: WireObject) => PlanAdvice<ResourceShape>,
): ResourcePlan {
  const unchanged = fromConfig(schema, config, (name) => prior[name] ?? null);
  const changed = schema.attributes.filter(
    ({ wireName }) => !sameValue(prior[wireName] ?? null, unchanged[wireName] ?? null),
  );
  if (changed.length === 0) return { planned: unchanged, replace: [] };
  // what was observed is put right without a change of anything that others may depend on, unless the handler says so
  const onlyObserved = changed.every(({ attribute }) => attribute.kind === 'observed');

  const stable = new Set(schema.attributes.filter(({ attribute }) => attribute.stable).map(({ wireName }) => wireName));
  // a state written before the attribute existed holds null for it
  const planned = onlyObserved
    ? unchanged
    : fromConfig(schema, config, (name) => (stable.has(name) ? prior[name] : null) ?? Unknown.value);
  const { replace = [], unknown = [] } = advice(planned);
  const replacing = changed.filter(({ name, attribute }) => attribute.replaces || !canUpdate || replace.includes(name));
  const alsoUnknown = schema.attributes.filter(({ name }) => unknown.includes(name)).map(({ wireName }) => wireName);
  return {
    planned: { ...planned, ...Object.fromEntries(alsoUnknown.map((wireName) => [wireName, Unknown.value])) },
    replace: replacing.map(({ name }) => name),
  };
}
