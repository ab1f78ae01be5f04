import type { Progress } from '../../model/journal';
import type { Planned, ResourceShape, State } from '../../model/resource-shape';

/** Writes to Terraform's log (`TF_LOG_PROVIDER`). Values of sensitive attributes must not be passed. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Context of every call of a handler. */
export interface ResourceContext {
  /** Fires when Terraform asks the provider to stop; pass it to every command and wait. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Receives the present step, shown during a deploy. Reads need not report any. */
  readonly progress: Progress;
  /** Reported to the operator beside a success. */
  warn(summary: string, detail: string): void;
}

export interface ApplyContext<S extends ResourceShape> extends ResourceContext {
  /**
   * Stores what exists so far. If the handler throws later, Terraform stores this with the error (a created object is
   * then tainted, an updated one keeps these values), so nothing real is ever orphaned. A later call replaces an
   * earlier one.
   */
  keep(state: State<S>): void;
}

/** What a plan for an existing object needs beyond a comparison of values. */
export interface PlanAdvice<S extends ResourceShape> {
  /** Attributes whose change needs a new object although they are not marked `replaces`. */
  readonly replace?: readonly (keyof S['attributes'] & string)[];
  /** Computed attributes that this particular update changes although nothing configured says so. */
  readonly unknown?: readonly (keyof S['attributes'] & string)[];
}

/**
 * One resource type. The framework calls these and owes them validated values; they owe it the truth.
 *
 * Errors: throw a FleetError (its `attribute` places the diagnostic); anything else is reported as a defect.
 */
export interface Resource<S extends ResourceShape = ResourceShape> {
  readonly shape: S;
  /** Called for a planned creation. MUST adopt or remove what an interrupted earlier attempt left. */
  create(planned: Planned<S>, context: ApplyContext<S>): Promise<State<S>>;
  /** Called at every refresh. MUST NOT change anything. Answers null when the object is gone. */
  read(state: State<S>, context: ResourceContext): Promise<State<S> | null>;
  /** Called when a planned change needs no new object. Left out where every attribute `replaces`. */
  update?(prior: State<S>, planned: Planned<S>, context: ApplyContext<S>): Promise<State<S>>;
  /** Called for a destroy. MUST succeed when the object is already gone. */
  delete(state: State<S>, context: ResourceContext): Promise<void>;
  /** Called by `terraform import` with the id typed by the operator; `read` follows. */
  import?(id: string, context: ResourceContext): Promise<State<S>>;
  /**
   * Called while planning a change of an existing object. MUST be pure. An attribute of `planned` that is not known
   * before apply is undefined, even if its type does not allow that.
   */
  plan?(prior: State<S>, planned: Planned<S>): PlanAdvice<S>;
}
