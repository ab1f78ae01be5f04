import { nullDataSourceShape } from '../../model/data-sources/null-data-source';
import { lazy } from '../../model/lazy';
import { type DataSourceEntry, dataSource } from '../plugin/data-source';

const nullDataSource = lazy<typeof import('./null-data-source')>(() => require('./null-data-source'));

/** Every data source of the `buildfleet` provider, one line each. */
export const dataSources: readonly DataSourceEntry[] = [
  dataSource(nullDataSourceShape, () => nullDataSource().nullDataSource()),
];
