import type { Construct } from 'constructs';
import type { Config, ResourceShape, State } from '../../src/model/resource-shape';
import { valueTypeOf } from '../../src/model/value-type';
import { toSnakeCase } from '../../src/model/wire-names';
import { type ITerraformDependable, TerraformResource, Token } from './cdktf';
import { escapeTemplates } from './template-escape';

export interface ShapedResourceOptions<S extends ResourceShape> {
  /** Called when the stack is synthesized, so that it may use what is only known once the whole fleet is declared. */
  readonly attributes: () => Config<S>;
  /**
   * Created before this resource and destroyed after it.
   * @default only what the attributes refer to
   */
  readonly dependsOn?: readonly ITerraformDependable[];
  /**
   * Condition that must hold of the object once it is made; `self` refers to it.
   * @default nothing
   */
  readonly postcondition?: { readonly condition: string; readonly errorMessage: string };
}

/** A resource of our provider, typed by its shape. */
export class ShapedResource<S extends ResourceShape> extends TerraformResource {
  private readonly shape: S;
  private readonly attributes: () => Config<S>;
  /** Made once each: CDKTF takes a stack trace for every one, which is most of the time that a large fleet needs. */
  private readonly tokens = new Map<string, unknown>();

  constructor(scope: Construct, id: string, shape: S, options: ShapedResourceOptions<S>) {
    super(scope, id, {
      terraformResourceType: shape.type,
      terraformGeneratorMetadata: { providerName: 'buildfleet' },
      ...(options.dependsOn ? { dependsOn: [...options.dependsOn] } : {}),
      ...(options.postcondition ? { lifecycle: { postcondition: [options.postcondition] } } : {}),
    });
    this.shape = shape;
    this.attributes = options.attributes;
  }

  /** A reference to an attribute: a token that Terraform replaces by the value. */
  ref<K extends keyof State<S> & string>(attribute: K): State<S>[K] {
    const type = this.shape.attributes[attribute]?.type;
    if (type === undefined) throw new Error(`${this.shape.type} has no attribute ${attribute}`);
    const kind = valueTypeOf(type).kind;
    return this.token(attribute, kind === 'list' || kind === 'number' ? kind : 'text') as State<S>[K];
  }

  /** A reference to an attribute of any type, as text. */
  text(attribute: keyof State<S> & string): string {
    return this.token(attribute, 'text') as string;
  }

  private token(attribute: string, as: 'text' | 'number' | 'list'): unknown {
    const key = `${as} ${attribute}`;
    let token = this.tokens.get(key);
    if (token === undefined) {
      const reference = this.interpolationForAttribute(toSnakeCase(attribute));
      token =
        as === 'list'
          ? Token.asList(reference)
          : as === 'number'
            ? Token.asNumber(reference)
            : Token.asString(reference);
      this.tokens.set(key, token);
    }
    return token;
  }

  protected override synthesizeAttributes(): Record<string, unknown> {
    return toWire(this.attributes()) as Record<string, unknown>;
  }
}

function toWire(value: unknown): unknown {
  if (typeof value === 'string') return escapeTemplates(value);
  if (Array.isArray(value)) return value.map(toWire);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => [toSnakeCase(key), toWire(member)]),
  );
}
