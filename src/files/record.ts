import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FleetError } from '../model/errors';
import { parseFailure } from '../model/zod-issue';
import { writeFileAtomically } from './atomic';

/** A record that exists and whose content must not be used. */
export interface UnreadableRecord {
  readonly status: 'unreadable';
  /** Absolute path of the file. */
  readonly path: string;
  /**
   * `not-json` and `wrong-shape`: the content is damaged. `newer-version` and `not-readable` (a permission, a broken
   * disk): the content may be sound, so nothing may take its place.
   */
  readonly reason: 'not-json' | 'wrong-shape' | 'newer-version' | 'not-readable';
  /** Lowercase sentence without a period: what is wrong with it. */
  readonly problem: string;
  /** What to do about damaged content. */
  readonly repair: string;
}

/** Result of reading a record. */
export type RecordReading<T> =
  { readonly status: 'absent' } | UnreadableRecord | { readonly status: 'value'; readonly value: T };

/** Gives the text of a file. @throws the system's error, with its `code` */
export type ReadText = (path: string) => string;

export const readText: ReadText = (path) => readFileSync(path, 'utf8');

type Content = Readonly<Record<string, unknown>>;

/** Options of one kind of record. */
export interface RecordOptions<T extends object> {
  /** Name of the file in its directory. */
  readonly file: string;
  /** The record without its `formatVersion`: a zod type, or an object with `parse` where zod takes too long to load. */
  readonly shape: { parse(value: unknown): T };
  /**
   * The first makes version 2 of version 1, the second version 3 of 2, and so on; the version that is written is one
   * more than their number. A member that may be left out needs none, only a default in `shape`.
   */
  readonly upgrades?: readonly ((content: Content) => Content)[];
  /** Permissions of the file. Default 0600. */
  readonly mode?: number;
  /** Lowercase sentence: what to do when the content is damaged and cannot be made again. */
  readonly repair?: string;
}

/**
 * One kind of JSON record on disk. A reading tells a record that is absent from one that cannot be read, and its type
 * makes callers choose: {@link valueOrRefusal} where the content cannot be regained, {@link valueOrRebuild} where it can.
 */
export class RecordFile<T extends object> {
  /** Version that is written; older ones are read, too. */
  readonly version: number;

  constructor(private readonly options: RecordOptions<T>) {
    this.version = 1 + (options.upgrades?.length ?? 0);
  }

  path(directory: string): string {
    return join(directory, this.options.file);
  }

  /** A file without `formatVersion` counts as version 1. */
  read(directory: string, readFile: ReadText = readText): RecordReading<T> {
    const path = this.path(directory);
    const unreadable = (reason: UnreadableRecord['reason'], problem: string): UnreadableRecord => {
      const { repair = 'restore it from a backup' } = this.options;
      return { status: 'unreadable', path, reason, problem, repair };
    };
    let text: string;
    try {
      text = readFile(path);
    } catch (error) {
      const { code = String(error) } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return { status: 'absent' };
      return unreadable('not-readable', `the record cannot be opened (${code})`);
    }
    let content: unknown;
    try {
      content = JSON.parse(text);
    } catch (error) {
      return unreadable('not-json', `the record is not JSON (${(error as Error).message})`);
    }
    try {
      const { formatVersion = 1, ...members } = content as Content;
      if (typeof content !== 'object' || Array.isArray(content)) throw new Error('it is no object');
      if (typeof formatVersion !== 'number' || !Number.isInteger(formatVersion) || formatVersion < 1) {
        throw new Error(`formatVersion is ${JSON.stringify(formatVersion)}`);
      }
      if (formatVersion > this.version) {
        const both = `the record has format version ${formatVersion}, and this buildfleet knows ${this.version}`;
        return unreadable('newer-version', both);
      }
      const steps = (this.options.upgrades ?? []).slice(formatVersion - 1);
      return { status: 'value', value: this.options.shape.parse(steps.reduce((made, step) => step(made), members)) };
    } catch (error) {
      return unreadable('wrong-shape', `the record does not have the shape of one (${parseFailure(error)})`);
    }
  }

  /** The file's text, `formatVersion` first. */
  render(value: T): string {
    return `${JSON.stringify({ formatVersion: this.version, ...value }, null, 2)}\n`;
  }

  /** Appears complete or not at all. @throws the system's error */
  write(directory: string, value: T): void {
    writeFileAtomically(this.path(directory), this.render(value), { mode: this.options.mode ?? 0o600 });
  }
}

/**
 * For content that cannot be regained: undefined is a record that is absent.
 *
 * @throws FleetError `record-unreadable`
 */
export function valueOrRefusal<T>(reading: RecordReading<T>): T | undefined {
  if (reading.status === 'unreadable') throw refusal(reading);
  return reading.status === 'value' ? reading.value : undefined;
}

/**
 * For content that can be made again without loss: undefined is a record that is absent or damaged.
 *
 * @throws FleetError `record-unreadable` for a sound one, of a newer version or closed to this user
 */
export function valueOrRebuild<T>(reading: RecordReading<T>): T | undefined {
  return isDamaged(reading) ? undefined : valueOrRefusal(reading);
}

/** Whether a record is there whose content is lost. */
export function isDamaged(reading: RecordReading<unknown>): boolean {
  return reading.status === 'unreadable' && ['not-json', 'wrong-shape'].includes(reading.reason);
}

function refusal({ path, reason, problem, repair }: UnreadableRecord): FleetError {
  const remedies = {
    'not-json': repair,
    'wrong-shape': repair,
    'newer-version': 'use the buildfleet that wrote it, or a newer one',
    'not-readable': 'see with `ls -l` whose it is, and make it readable for this user',
  };
  return new FleetError({ code: 'record-unreadable', problem, place: path, remedy: remedies[reason] });
}
