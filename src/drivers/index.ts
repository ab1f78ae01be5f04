import { join } from 'node:path';
import type { Hypervisor } from '../model/hypervisor';
import type { FleetPaths } from '../model/paths';
import type { Run } from '../process/run';
import type { HypervisorDriver } from './driver';
import { QemuDriver } from './qemu/driver';
import { type Accelerator, ACCELERATOR_FILE, chooseAccelerator } from './qemu/accelerator';
import { VirtualBoxDriver } from './virtualbox/driver';

export interface DriverOptions {
  readonly paths: FleetPaths;
  /** Where what was found out about this machine is kept. */
  readonly cacheDirectory: string;
  readonly run: Run;
}

const DRIVERS: Readonly<Record<Hypervisor, (options: DriverOptions) => HypervisorDriver>> = {
  qemu: (options) => new QemuDriver({ ...options, accelerator: acceleratorOnce(options) }),
  virtualbox: (options) => new VirtualBoxDriver(options),
};

/** The driver of a hypervisor. Cheap: nothing is looked at before a method is called. */
export function createDriver(hypervisor: Hypervisor, options: DriverOptions): HypervisorDriver {
  return DRIVERS[hypervisor](options);
}

/** VMs are created side by side; one of them makes the proof, the others wait for it. */
function acceleratorOnce({ run, cacheDirectory }: DriverOptions) {
  let answer: Promise<Accelerator> | undefined;
  return (imagePath: string, signal: AbortSignal): Promise<Accelerator> => {
    answer ??= chooseAccelerator({ run, imagePath, cacheFile: join(cacheDirectory, ACCELERATOR_FILE), signal });
    answer.catch(() => (answer = undefined));
    return answer;
  };
}
