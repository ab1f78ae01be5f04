import type { Planned, ResourceShape, State } from '../../model/resource-shape';

/** One type of data source. Nothing is stored of it but the last answer. */
export interface DataSource<S extends ResourceShape = ResourceShape> {
  readonly shape: S;
  /**
   * Called at every plan, or in the apply where the configuration is not known before. MUST NOT change anything.
   *
   * @param config what is configured, with defaults; computed values are undefined
   */
  read(config: Planned<S>): Promise<State<S>>;
}

/** One line of the registry. */
export interface DataSourceEntry {
  readonly shape: ResourceShape;
  /** Called at most once per process, the first time Terraform reads this type. */
  readonly handler: () => DataSource;
}

/** Checks that a handler fits its shape, then forgets the shape's own type, so that unlike entries form one list. */
export function dataSource<S extends ResourceShape>(shape: S, handler: () => DataSource<S>): DataSourceEntry {
  return { shape, handler: handler };
}
