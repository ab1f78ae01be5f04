import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectories } from '../../files/directories';
import { removeOldRuns } from '../../provider/journal/directory';

/** Writes a run's output to a file of the fleet's state directory, as soon as that is known. Best effort. */
export class RunLog {
  /** Where it is; undefined while, and where, it could not be written. */
  path: string | undefined;
  private descriptor: number | undefined;
  private isUnusable = false;
  private early = '';

  /** @param directory of the journals; undefined as long as it is unknown */
  constructor(
    private readonly run: string,
    private readonly directory: () => string | undefined,
  ) {}

  write(lines: readonly string[]): void {
    this.early += lines.map((line) => `${line}\n`).join('');
    if (this.isUnusable) return;
    try {
      this.descriptor ??= this.open();
      if (this.descriptor === undefined) return;
      writeSync(this.descriptor, this.early);
      this.early = '';
    } catch {
      // A full disk takes no log.
      this.isUnusable = true;
      this.path = undefined;
    }
  }

  close(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
    this.isUnusable = true;
  }

  private open(): number | undefined {
    const directory = this.directory();
    if (directory === undefined) return undefined;
    makeDirectories(directory, 0o700);
    removeOldRuns(directory);
    const path = join(directory, `${this.run}.log`);
    const descriptor = openSync(path, 'a', 0o600);
    this.path = path;
    return descriptor;
  }
}
