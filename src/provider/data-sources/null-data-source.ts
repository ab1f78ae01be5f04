import { randomInt } from 'node:crypto';
import { nullDataSourceShape } from '../../model/data-sources/null-data-source';
import type { DataSource } from '../plugin/data-source';

/** The handler of `null_data_source`. */
export function nullDataSource(): DataSource<typeof nullDataSourceShape> {
  return {
    shape: nullDataSourceShape,
    read: (config) =>
      Promise.resolve({
        ...config,
        outputs: config.inputs ?? {},
        random: String(randomInt(2 ** 48 - 1)),
        id: 'static',
      }),
  };
}
