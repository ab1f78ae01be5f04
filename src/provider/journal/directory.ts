import { readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/*
 * A fleet's directory of journals: for each run RUN.jsonl, which the provider writes, and RUN.log where the
 * caller has kept Terraform's output.
 */

/** Number of earlier runs that are kept. */
const KEPT_RUNS = 4;

/** Removes the files of all but the last runs, to make room for another one. */
export function removeOldRuns(directory: string): void {
  const ages = new Map<string, number>();
  for (const name of readdirSync(directory)) {
    const time = statSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    ages.set(runOf(name), Math.max(time, ages.get(runOf(name)) ?? 0));
  }
  const old = [...ages].sort(([, one], [, other]) => other - one).slice(KEPT_RUNS);
  for (const [run] of old) {
    for (const end of ['jsonl', 'log']) rmSync(join(directory, `${run}.${end}`), { force: true });
  }
}

/**
 * Removes the journals of a fleet that is gone, and its directories with them: only where nothing else is left in them.
 *
 * @param except a file that is still written to; it and the directories above it stay
 */
export function removeJournals(directory: string, except?: string): void {
  const fleet = dirname(directory);
  try {
    if (readdirSync(fleet).join() !== basename(directory)) return;
    const ours = readdirSync(directory).filter((name) => /\.(jsonl|log)$/.test(name) && name !== except);
    for (const name of ours) rmSync(join(directory, name), { force: true });
    for (const path of [directory, fleet]) rmdirSync(path);
    // The directory above belongs to buildfleet only in the default place.
    if (basename(dirname(fleet)) === 'buildfleet') rmdirSync(dirname(fleet));
  } catch {
    // What is not empty stays.
  }
}

function runOf(name: string): string {
  return name.replace(/\.(jsonl|log)$/, '');
}
