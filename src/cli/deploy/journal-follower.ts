import { closeSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { type JournalEvent, journalEventSchema } from '../../model/journal';

/** Cuts text into events. Lines that are no event, such as one cut off by a full disk, are skipped. */
export class EventDecoder {
  private rest = '';

  /** Events whose lines are complete now. */
  take(text: string): JournalEvent[] {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    return lines.flatMap((line) => {
      const event = parseLine(line);
      return event === undefined ? [] : [event];
    });
  }
}

/** Reads a journal while it is written. It need not be there yet, and may be removed once it was. */
export class JournalFollower {
  private descriptor: number | undefined;
  private readonly utf8 = new StringDecoder('utf8');
  private readonly events = new EventDecoder();
  private readonly buffer = Buffer.alloc(64 * 1024);

  /** @param path asked until there is a file */
  constructor(private readonly path: () => string | undefined) {}

  /** What was written since the last time. */
  read(): JournalEvent[] {
    this.descriptor ??= this.open();
    const found: JournalEvent[] = [];
    if (this.descriptor === undefined) return found;
    for (;;) {
      const bytes = readSync(this.descriptor, this.buffer, 0, this.buffer.length, null);
      if (bytes === 0) return found;
      found.push(...this.events.take(this.utf8.write(this.buffer.subarray(0, bytes))));
    }
  }

  close(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }

  private open(): number | undefined {
    try {
      const path = this.path();
      return path === undefined ? undefined : openSync(path, 'r');
    } catch {
      return undefined;
    }
  }
}

function parseLine(line: string): JournalEvent | undefined {
  try {
    return journalEventSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
