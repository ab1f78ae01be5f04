import { AsyncLocalStorage } from 'node:async_hooks';
import type { Amount, Progress } from '../model/journal';

const watchers = new AsyncLocalStorage<Progress>();

/** Runs `work`; progress reported below it, also after an await, goes to `progress`. */
export function watchProgress<T>(progress: Progress, work: () => T): T {
  return watchers.run(progress, work);
}

/** Reports a new step. Does nothing outside of {@link watchProgress}. */
export function reportStep(text: string, detail?: string): void {
  watchers.getStore()?.step(text, detail);
}

/** Reports the amount of the step that is done. */
export function reportAmount(amount: Amount): void {
  watchers.getStore()?.amount(amount);
}

/**
 * Reads the percentages that tools print while they work (`(12.30/100%)`, `0%...10%...`), and reports them.
 *
 * @returns receives a command's output, in pieces of any size
 */
export function percentReporter(): (text: string) => void {
  return (text) => {
    const last = [...text.matchAll(/(\d{1,3}(?:\.\d+)?)(?:\/100)?%/g)].at(-1)?.[1];
    if (last !== undefined) reportAmount({ done: Math.min(100, Number(last)), total: 100, unit: 'percent' });
  };
}
