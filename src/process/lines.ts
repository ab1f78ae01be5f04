import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Longest line of a program's output that is told on, in bytes. */
export const LONGEST_LINE = 2 ** 20;

/** Cuts what a program prints into lines, without their ends. */
export class LineReader {
  private readonly decoder = new StringDecoder('utf8');
  private pieces: string[] = [];
  private length = 0;
  private isOver = false;

  /** @param tooMuch told once, when a line is longer than {@link LONGEST_LINE}; nothing is read after that */
  constructor(
    private readonly onLine: (line: string) => void,
    private readonly tooMuch: (what: string) => void,
  ) {}

  take(chunk: Buffer): void {
    const [first = '', ...others] = this.decoder.write(chunk).split('\n');
    this.add(first);
    for (const piece of others) {
      this.tell();
      this.add(piece);
    }
  }

  /** What came last, without an end of line. */
  end(): void {
    this.add(this.decoder.end());
    if (this.length > 0) this.tell();
  }

  private add(piece: string): void {
    if (this.isOver) return;
    this.pieces.push(piece);
    this.length += piece.length;
    if (this.length <= LONGEST_LINE) return;
    this.isOver = true;
    this.pieces = [];
    this.tooMuch(`a line of ${moreThan(LONGEST_LINE)}`);
  }

  private tell(): void {
    if (this.isOver) return;
    const line = this.pieces.join('');
    this.pieces = [];
    this.length = 0;
    this.onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
  }
}

/** Ends a program that prints too much, once. */
export class Excess {
  /** What was too much; undefined while nothing was. */
  found: string | undefined;

  constructor(private readonly child: { kill(): unknown; readonly stdout: Readable; readonly stderr: Readable }) {}

  readonly end = (what: string): void => {
    if (this.found !== undefined) return;
    this.found = what;
    this.child.kill();
    // What it has started may have them, too, and go on.
    this.child.stdout.destroy();
    this.child.stderr.destroy();
  };
}

/** Passes on what a stream says, until it is too much. */
export function count(
  limit: number,
  tooMuch: (what: string) => void,
  take: (chunk: Buffer) => void,
): (chunk: Buffer) => void {
  let printed = 0;
  return (chunk) => {
    printed += chunk.length;
    if (printed > limit) tooMuch(moreThan(limit));
    else take(chunk);
  };
}

/** `more than 64 MiB` */
function moreThan(bytes: number): string {
  return `more than ${bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes} bytes`}`;
}
