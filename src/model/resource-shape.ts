import type { z } from 'zod';

/**
 * Source of an attribute's value:
 * - `required`: the configuration must.
 * - `optional`: the configuration may; otherwise it is null.
 * - `defaulted`: the configuration may; otherwise it is the declared default.
 * - `computed`: the provider, while creating or updating.
 * - `observed`: the configuration cannot set it; it has one desired value, a plan asks for that as soon as the object
 *   exists, and `read` reports the value found (`power_state "stopped" -> "running"`). An update for an observed
 *   attribute alone leaves computed ones known. The handler reports its value after a creation: an object may exist and
 *   not be right yet.
 */
export type AttributeKind = 'required' | 'optional' | 'defaulted' | 'computed' | 'observed';

/** One attribute of a resource, written down once. */
export interface Attribute<T extends z.ZodType = z.ZodType, K extends AttributeKind = AttributeKind> {
  readonly kind: K;
  /** Built from string, number, boolean, enum, array, record and object; checks and refinements allowed, transforms not. */
  readonly type: T;
  /** Markdown sentence for the reference page and for `terraform providers schema`. */
  readonly doc: string;
  /** A change needs a new object. */
  readonly replaces: boolean;
  /** Hidden in plans and logs. */
  readonly sensitive: boolean;
  /** Of a computed attribute: an update never changes it, so plans need not show it as unknown. */
  readonly stable: boolean;
  /** The value of a `defaulted` attribute that is not configured; the desired value of an `observed` one. */
  readonly default?: unknown;
}

export type Attributes = Readonly<Record<string, Attribute>>;

/** A resource type's only description: schema, validation, defaults, handler types, L1 construct and docs follow from it. */
export interface ResourceShape<A extends Attributes = Attributes> {
  /** Terraform's name, `buildfleet_vm`. */
  readonly type: string;
  /** Markdown for the reference page: what it manages, in one or two sentences. */
  readonly description: string;
  /** Keys are camelCase here and snake_case on the wire. */
  readonly attributes: A;
  /** What `terraform import` takes: Markdown for the reference page, and an example. Data sources have none. */
  readonly importId?: { readonly doc: string; readonly example: string };
  /** The attribute by which people know an object; left out where a fleet has one of the type. */
  readonly label?: string;
  /**
   * How states that earlier shapes left become states of this one: the first step makes version 1 of version 0, the
   * second version 2 of 1, and so on. {@link schemaVersion} is their number.
   */
  readonly upgrades?: readonly StateUpgrade[];
}

/** What Terraform stores of an object: JSON, every key as on the wire (`memory_mib`), at every depth. */
export type StoredState = Readonly<Record<string, unknown>>;

/** Makes the state of one version into that of the next. @throws ZodError when it is none of its version */
export type StateUpgrade = (state: StoredState) => StoredState;

/** Version that Terraform stores with each object of a shape. */
export function schemaVersion(shape: Pick<ResourceShape, 'upgrades'>): number {
  return shape.upgrades?.length ?? 0;
}

/**
 * One step of an upgrade.
 *
 * @param former what the step relies on in the state of the former version: a loose object, which keeps the rest. It
 * says that by itself, without the attributes of today, because these go on changing.
 */
export function upgradeFrom<T extends StoredState>(
  former: z.ZodType<T>,
  step: (state: T) => StoredState,
): StateUpgrade {
  return (state) => step(former.parse(state));
}

interface Markers {
  readonly replaces?: boolean;
  readonly sensitive?: boolean;
}

function make<T extends z.ZodType, K extends AttributeKind>(
  kind: K,
  type: T,
  doc: string,
  markers: Markers & { readonly stable?: boolean; readonly default?: unknown },
): Attribute<T, K> {
  return { kind, type, doc, replaces: false, sensitive: false, stable: false, ...markers };
}

export const required = <T extends z.ZodType>(type: T, doc: string, markers: Markers = {}): Attribute<T, 'required'> =>
  make('required', type, doc, markers);

export const optional = <T extends z.ZodType>(type: T, doc: string, markers: Markers = {}): Attribute<T, 'optional'> =>
  make('optional', type, doc, markers);

export const defaulted = <T extends z.ZodType>(
  type: T,
  value: z.infer<T>,
  doc: string,
  markers: Markers = {},
): Attribute<T, 'defaulted'> => make('defaulted', type, doc, { ...markers, default: value });

export const computed = <T extends z.ZodType>(
  type: T,
  doc: string,
  markers: { readonly sensitive?: boolean; readonly stable?: boolean } = {},
): Attribute<T, 'computed'> => make('computed', type, doc, markers);

export const observed = <T extends z.ZodType>(type: T, desired: z.infer<T>, doc: string): Attribute<T, 'observed'> =>
  make('observed', type, doc, { default: desired });

/**
 * Names a shape; the generic parameter keeps every attribute's own type.
 *
 * Deployed fleets have states of every earlier shape. A change of the attributes therefore comes with one more step in
 * `upgrades`, which raises the version, where what is stored says something else or too little afterwards: an attribute
 * that is not optional was added, or one was renamed, has another type, or the same value has another meaning. No step
 * is needed for another text or check, for a further choice, for an optional attribute that was added (it is null), or
 * for one that was removed (it is dropped). Steps are never changed once released, and
 * `__tests__/src/model/resources/earlier-states.ts` gets an entry for each shape. A version cannot be lowered: Terraform
 * refuses a state that a newer provider has written.
 */
export function defineShape<A extends Attributes>(shape: ResourceShape<A>): ResourceShape<A> {
  return shape;
}

type Value<X> = X extends Attribute<infer T> ? z.infer<T> : never;
type KeysOf<A, K extends AttributeKind> = {
  [P in keyof A]: A[P] extends Attribute<z.ZodType, infer Kind> ? (Kind extends K ? P : never) : never;
}[keyof A];
type Simplify<T> = { [P in keyof T]: T[P] } & {};

/** What a configuration may say. */
export type Config<S extends ResourceShape> = Simplify<
  { readonly [P in KeysOf<S['attributes'], 'required'>]: Value<S['attributes'][P]> } & {
    readonly [P in KeysOf<S['attributes'], 'optional' | 'defaulted'>]?: Value<S['attributes'][P]> | undefined;
  }
>;

/**
 * What a handler is asked to make: the configuration with defaults; a computed value only where it is already known, an
 * observed one unless the object is to be created.
 */
export type Planned<S extends ResourceShape> = Simplify<
  { readonly [P in KeysOf<S['attributes'], 'required' | 'defaulted'>]: Value<S['attributes'][P]> } & {
    readonly [P in KeysOf<S['attributes'], 'optional'>]: Value<S['attributes'][P]> | null;
  } & { readonly [P in KeysOf<S['attributes'], 'computed' | 'observed'>]: Value<S['attributes'][P]> | undefined }
>;

/** What exists, every attribute known. */
export type State<S extends ResourceShape> = Simplify<
  {
    readonly [P in KeysOf<S['attributes'], 'required' | 'defaulted' | 'computed' | 'observed'>]: Value<
      S['attributes'][P]
    >;
  } & {
    readonly [P in KeysOf<S['attributes'], 'optional'>]: Value<S['attributes'][P]> | null;
  }
>;
