import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const OURS = /^buildfleet-provider-(\d+)-/;

/** A directory for the socket of this process, which no other account may enter. Its name is the process's claim. */
export function makeSocketDirectory(parent: string): string {
  return mkdtempSync(join(parent, `buildfleet-provider-${process.pid}-`));
}

/** Removes a directory of {@link makeSocketDirectory}, and those of processes that were killed before they could. */
export function removeSocketDirectory(parent: string, own: string): void {
  rmSync(own, { recursive: true, force: true });
  for (const name of readdirSync(parent)) {
    const pid = OURS.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    try {
      rmSync(join(parent, name), { recursive: true, force: true });
    } catch {
      // It is another account's.
    }
  }
}
