import type { FleetVm } from '../../model/fleet';
import { DEFAULT_HYPERVISOR, type Hypervisor } from '../../model/hypervisor';
import { createDriver } from '../../drivers';
import type { HypervisorDriver } from '../../drivers/driver';
import type { Context } from '../context';
import type { LoadedFleet } from '../fleet-file';
import type { PowerReader } from './power';

/** Reads the power state with the drivers that deploy uses, one for each hypervisor of the fleet. */
export function driverPowerReader(loaded: LoadedFleet, context: Pick<Context, 'run'>): PowerReader {
  const drivers = new Map<Hypervisor, HypervisorDriver>();
  const driverOf = (vm: FleetVm): HypervisorDriver => {
    const hypervisor = loaded.fleet.hosts.find(({ id }) => id === vm.host)?.hypervisor ?? DEFAULT_HYPERVISOR;
    const known = drivers.get(hypervisor);
    if (known !== undefined) return known;
    const { paths, cacheDirectory } = loaded;
    const driver = createDriver(hypervisor, { paths, cacheDirectory, run: context.run });
    drivers.set(hypervisor, driver);
    return driver;
  };
  return {
    inspect: (vm) => driverOf(vm).inspect(vm.name),
    consoleLog: (vm) => driverOf(vm).consoleLog(vm.name),
  };
}
