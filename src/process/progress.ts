import { AsyncLocalStorage } from 'node:async_hooks';
import type { Amount, Progress } from '../model/journal';

const watchers = new AsyncLocalStorage<Progress>();

/** Runs `work`; what reports progress below it, also after an await, reports here. */
export function watchProgress<T>(progress: Progress, work: () => T): T {
  return watchers.run(progress, work);
}

/** Says what is done now. Nobody need listen. */
export function reportStep(text: string, detail?: string): void {
  watchers.getStore()?.step(text, detail);
}

/** Says how far the step is. */
export function reportAmount(amount: Amount): void {
  watchers.getStore()?.amount(amount);
}

/**
 * Reads the percentages that tools print while they work (`(12.30/100%)`, `0%...10%...`), and reports them.
 *
 * @returns takes what a command prints, in whatever pieces
 */
export function percentReporter(): (text: string) => void {
  return (text) => {
    const last = [...text.matchAll(/(\d{1,3}(?:\.\d+)?)(?:\/100)?%/g)].at(-1)?.[1];
    if (last !== undefined) reportAmount({ done: Math.min(100, Number(last)), total: 100, unit: 'percent' });
  };
}
