import type { Progress } from '../../model/journal';
import type { Attributes, ResourceShape, State } from '../../model/resource-shape';
import type { DataSourceEntry } from './data-source';
import type { Journal } from './journal';
import type { Logger, Resource } from './resource';

/** One line of the registry: what a resource looks like, and how to get its handler once the provider is configured. */
export interface ResourceEntry<Services> {
  readonly shape: ResourceShape;
  /** Called at most once per process, the first time Terraform plans, reads, applies or imports this type. */
  readonly handler: (services: Services) => Resource;
}

/** Checks that a handler fits its shape, then forgets the shape's own type, so that unlike entries form one list. */
export function resource<S extends ResourceShape, Services>(
  shape: S,
  handler: (services: Services) => Resource<S>,
): ResourceEntry<Services> {
  return { shape, handler: handler as unknown as (services: Services) => Resource };
}

/** Values of the `provider` block; an attribute left out is null. */
export type ProviderConfig<A extends Attributes> = State<ResourceShape<A>>;

/** Definition of a provider, from which the framework serves it. */
export interface ProviderDefinition<A extends Attributes = Attributes, Services = unknown> {
  /** Local name, the prefix of its resource types: `buildfleet`. */
  readonly name: string;
  /** Attributes of the `provider` block. Only `required`, `optional` and `defaulted` attributes make sense here. */
  readonly config: A;
  /**
   * Called when Terraform configures the provider; the result is given to every handler. Must be cheap: Terraform
   * starts and configures a provider for every command, also for one with nothing to do.
   *
   * @throws FleetError whose `attribute` names an attribute of the `provider` block.
   */
  readonly configure: (config: ProviderConfig<A>) => Services;
  readonly resources: readonly ResourceEntry<Services>[];
  readonly dataSources?: readonly DataSourceEntry[];
  /** Called around every handler while Terraform keeps a log, so that code below it can write to it. */
  readonly logged?: <T>(log: Logger, work: () => Promise<T>) => Promise<T>;
  /**
   * Makes the journal of changes of this provider's own resources. Called once, before the first change: a process
   * that only plans has none.
   */
  readonly journal?: (services: Services) => Journal;
  /** Called around every change that the journal records, so that code below it can report to it. */
  readonly watched?: <T>(progress: Progress, work: () => Promise<T>) => Promise<T>;
}
