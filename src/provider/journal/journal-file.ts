import { closeSync, existsSync, fstatSync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeDirectories } from '../../files/directories';
import { removeJournals, removeOldRuns } from './directory';
import type { JournalEvent } from '../../model/journal';

/** A file of this size takes no more steps; that objects begin and end is written in any case. */
const LIMIT_BYTES = 8 * 1024 * 1024;

export interface JournalFileOptions {
  /** Directory of the journals of a fleet. */
  readonly directory: string;
  /** Names the file: processes of the same run write to the same one. */
  readonly run: string;
  /** Default 8 MiB. */
  readonly limitBytes?: number;
}

/**
 * Appends events to the file of a run, made with the first event. Each is written as one whole line in one call, so that
 * several processes may write at the same time. Nothing here throws: a disk that is full or read-only costs events.
 */
export class JournalFile {
  private descriptor: number | undefined;
  private isUnusable = false;
  private hasOnlyDeleted = true;
  /** The last line was cut off by a full disk. */
  private isTorn = false;

  constructor(private readonly options: JournalFileOptions) {}

  append(event: JournalEvent): void {
    const isDeleted = event.action === 'delete' && (event.event !== 'end' || event.outcome === 'done');
    this.hasOnlyDeleted &&= isDeleted;
    try {
      const descriptor = this.open(event);
      if (descriptor === undefined) return;
      const { limitBytes = LIMIT_BYTES } = this.options;
      if (event.event === 'step' && fstatSync(descriptor).size >= limitBytes) return;
      const line = Buffer.from(`${this.isTorn ? '\n' : ''}${JSON.stringify(event)}\n`);
      this.isTorn = writeSync(descriptor, line) < line.length;
    } catch {
      // A deploy matters, its journal does not.
    }
  }

  /** For the end of the process: a run that has destroyed the fleet leaves no journal, and no directory for it. */
  close(): void {
    if (this.descriptor === undefined) return;
    closeSync(this.descriptor);
    this.descriptor = undefined;
    this.isUnusable = true;
    const { directory, run } = this.options;
    if (this.hasOnlyDeleted) removeJournals(directory, `${run}.log`);
  }

  private open(event: JournalEvent): number | undefined {
    if (this.descriptor !== undefined || this.isUnusable) return this.descriptor;
    const { directory, run } = this.options;
    // A destroy makes no directory that it would have to remove.
    if (event.action === 'delete' && !existsSync(dirname(directory))) return undefined;
    // Tried once: a file system that refuses is not asked for every event.
    this.isUnusable = true;
    makeDirectories(directory, 0o700);
    const path = join(directory, `${run}.jsonl`);
    if (!existsSync(path)) removeOldRuns(directory);
    this.descriptor = openSync(path, 'a', 0o600);
    this.isUnusable = false;
    return this.descriptor;
  }
}
