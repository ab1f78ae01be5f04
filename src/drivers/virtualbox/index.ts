import type { DriverOptions, HypervisorDriver } from '../driver';
import { VirtualBoxDriver } from './driver';

export { preflight } from './preflight';

export function createDriver(options: DriverOptions): HypervisorDriver {
  return new VirtualBoxDriver(options);
}
