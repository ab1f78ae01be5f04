import { join } from 'node:path';
import type { DriverOptions, HypervisorDriver } from '../driver';
import { type Accelerator, ACCELERATOR_FILE, chooseAccelerator } from './accelerator';
import { QemuDriver } from './driver';

export { preflight } from './preflight';

export function createDriver(options: DriverOptions): HypervisorDriver {
  return new QemuDriver({ ...options, accelerator: acceleratorOnce(options) });
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
