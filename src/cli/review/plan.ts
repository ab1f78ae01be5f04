import { canonicalJson } from '../../model/image-definition';
import type { Attribute, ResourceShape } from '../../model/resource-shape';
import { capabilityShape } from '../../model/resources/capability';
import { identityShape } from '../../model/resources/identity';
import { imageShape } from '../../model/resources/image';
import { managedFileShape } from '../../model/resources/managed-file';
import { managedFilesShape } from '../../model/resources/managed-files';
import { nullResourceShape } from '../../model/resources/null-resource';
import { vmShape } from '../../model/resources/vm';
import { workstationShape } from '../../model/resources/workstation';
import { toSnakeCase } from '../../model/wire-names';
import { type Reference, referencesIn } from './references';
import type { Json, RenderedStack } from './rendered-stack';

/** Every resource type whose attributes are known; of others a change is reported without details. */
export const SHAPES: readonly ResourceShape[] = [
  capabilityShape,
  identityShape,
  imageShape,
  managedFileShape,
  managedFilesShape,
  nullResourceShape,
  vmShape,
  workstationShape,
];

const SHAPE_OF = new Map(SHAPES.map((shape) => [shape.type, shape]));

/** Terraform's own arguments of a resource: no attribute of the object. */
const META = ['//', 'count', 'connection', 'depends_on', 'for_each', 'lifecycle', 'provider', 'provisioner'];

/**
 * From which attributes a computed one follows that an update may change. Of one that is not listed any change may be
 * the reason.
 */
const FOLLOWS: Readonly<Record<string, readonly string[]>> = {
  'buildfleet_workstation.developer_public_keys': ['developers'],
  'buildfleet_workstation.hub_url': ['hub_port'],
};

/** One attribute of a resource that changes. Values are as the plan has them, defaults filled in. */
export interface AttributeChange {
  /** In Terraform's spelling. */
  readonly name: string;
  readonly before: unknown;
  readonly after: unknown;
  /** Needs a new object. */
  readonly replaces: boolean;
  /** What the value refers to and what changes; empty when the plan itself says something else. */
  readonly via: readonly Reference[];
}

/** What a deploy does with one object. */
export interface ResourceChange {
  /** `buildfleet_vm.alpha` */
  readonly address: string;
  readonly type: string;
  readonly name: string;
  /** `settings`: only Terraform's own arguments change, and the object stays as it is. */
  readonly action: 'create' | 'destroy' | 'replace' | 'update' | 'settings';
  /** Configured values; null where the object is not. */
  readonly before: Json | null;
  readonly after: Json | null;
  readonly attributes: readonly AttributeChange[];
  /** Terraform's own arguments that change. */
  readonly settings: readonly string[];
}

/** Compares what Terraform is given, as it would itself: by the shapes, and through references. */
export class PlanComparison {
  private readonly known = new Map<string, ResourceChange | null>();

  constructor(
    private readonly before: RenderedStack,
    private readonly after: RenderedStack,
  ) {}

  /** Everything that changes, in the order of addresses. */
  changes(): readonly ResourceChange[] {
    const addresses = new Set([...addressesOf(this.before), ...addressesOf(this.after)]);
    return [...addresses].sort().flatMap((address) => this.changeOf(address) ?? []);
  }

  /** What happens to one object; null when nothing does. */
  changeOf(address: string): ResourceChange | null {
    const known = this.known.get(address);
    if (known !== undefined) return known;
    // a reference in a circle, which Terraform refuses, counts as no change
    this.known.set(address, null);
    const change = this.compare(address);
    this.known.set(address, change);
    return change;
  }

  private compare(address: string): ResourceChange | null {
    const [type = '', name = ''] = address.split('.');
    const [before, after] = [this.before, this.after].map(({ plan }) => plan.resource[type]?.[name] ?? null) as [
      Json | null,
      Json | null,
    ];
    const change = { address, type, name, before, after, attributes: [], settings: [] };
    if (before === null || after === null) return { ...change, action: before === null ? 'create' : 'destroy' };
    const attributes = this.attributes(SHAPE_OF.get(type), before, after);
    const settings = META.filter((key) => key !== '//' && !same(before[key], after[key]));
    if (attributes.length === 0 && settings.length === 0) return null;
    const action =
      attributes.length === 0 ? 'settings' : attributes.some(({ replaces }) => replaces) ? 'replace' : 'update';
    return { ...change, action, attributes, settings };
  }

  private attributes(shape: ResourceShape | undefined, before: Json, after: Json): readonly AttributeChange[] {
    const described = new Map(
      Object.entries(shape?.attributes ?? {}).map(([key, attribute]) => [toSnakeCase(key), attribute]),
    );
    const names = [...described.keys(), ...Object.keys(before), ...Object.keys(after)];
    return [...new Set(names)].flatMap((name): AttributeChange[] => {
      if (META.includes(name)) return [];
      const attribute = described.get(name);
      const values = { before: effective(attribute, before[name]), after: effective(attribute, after[name]) };
      const differs = !same(values.before, values.after);
      const via = differs ? [] : referencesIn(values.after).filter((reference) => this.isChanged(reference));
      if (!differs && via.length === 0) return [];
      return [{ name, ...values, replaces: attribute?.replaces ?? false, via }];
    });
  }

  /** Whether a reference means something else than before. */
  private isChanged(reference: Reference): boolean {
    if (reference.kind === 'file') {
      return this.before.files.get(reference.path) !== this.after.files.get(reference.path);
    }
    const { address, attribute } = reference;
    const change = this.changeOf(address);
    if (change === null || change.action === 'settings') return false;
    const described = attributeOf(change.type, attribute);
    if (described?.kind !== 'computed') return change.attributes.some(({ name }) => name === attribute);
    if (change.action !== 'update') return true;
    if (described.stable) return false;
    const sources = FOLLOWS[`${change.type}.${attribute}`];
    return sources === undefined || change.attributes.some(({ name }) => sources.includes(name));
  }
}

/** The attribute of a resource type with this name in Terraform's spelling. */
function attributeOf(type: string, wireName: string): Attribute | undefined {
  const attributes = SHAPE_OF.get(type)?.attributes ?? {};
  return Object.entries(attributes).find(([name]) => toSnakeCase(name) === wireName)?.[1];
}

function addressesOf({ plan }: RenderedStack): readonly string[] {
  return Object.entries(plan.resource).flatMap(([type, resources]) =>
    Object.keys(resources).map((name) => `${type}.${name}`),
  );
}

function effective(attribute: Attribute | undefined, configured: unknown): unknown {
  return configured ?? (attribute?.kind === 'defaulted' ? attribute.default : null) ?? null;
}

/** Whether two values of a plan say the same; the order of keys means nothing. */
export function same(one: unknown, other: unknown): boolean {
  return canonicalJson(one ?? null) === canonicalJson(other ?? null);
}
