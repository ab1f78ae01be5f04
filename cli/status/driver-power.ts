import type { Context } from '../context';
import type { LoadedFleet } from '../fleet-file';
import type { PowerReader } from './power';
export function driverPowerReader(loaded: LoadedFleet, _context: Context): PowerReader {
  return { inspect: () => Promise.reject(new Error('not yet')), consoleLog: (vm) => `${loaded.paths.vm(vm.name)}/console.log` };
}
