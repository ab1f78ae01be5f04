import type { Logger } from '../../plugin/resource';
import { consoleTail } from './console-tail';

/** Parts of one boot. */
export interface Boot {
  readonly name: string;
  /** The guest's serial console, of this boot alone. */
  readonly consoleLog: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly start: () => Promise<void>;
  readonly waitUntilReady: () => Promise<void>;
  /** Ends it as a power cut does. */
  readonly cut: () => Promise<void>;
}

/**
 * A kernel that trapped where nothing was wrong with it: it patches its own code while it boots, and an emulator with
 * several processors now and then runs an instruction that is half patched.
 */
export const TRAPPED = /Kernel panic - not syncing: Fatal exception/;

/** How often such a VM is started again; further traps have another reason. */
const MORE_STARTS = 2;

/** Lines of a panic's report. */
const REPORT_LINES = 200;

/**
 * Starts a VM and waits until it is ready. One whose kernel trapped is started again.
 *
 * @throws what the parts throw
 */
export async function bootUntilReady({ name, consoleLog, log, signal, ...boot }: Boot): Promise<void> {
  for (let left = MORE_STARTS; ; left--) {
    await boot.start();
    try {
      await boot.waitUntilReady();
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (left === 0 || !consoleTail(consoleLog, REPORT_LINES).some((line) => TRAPPED.test(line))) throw error;
      log.warn('the kernel trapped while it booted; starting the VM again', { vm: name });
      await boot.cut();
    }
  }
}
