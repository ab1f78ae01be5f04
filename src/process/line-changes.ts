import { Transform, type TransformCallback } from 'node:stream';

/** How long the rest of a line is waited for, in ms: a begin that stays alone is a prompt, or progress. */
const REST_MS = 50;

/** Longest line that is waited for, in bytes. */
const LONGEST = 64 * 1024;

/** Changes lines on their way. Bytes that the function leaves are left; a line that comes in pieces may not be changed. */
export class LineChanges extends Transform {
  private rest = '';
  private timer: NodeJS.Timeout | undefined;
  /** Whether the begin of the present line has been passed on. */
  private isCut = false;

  /** @param change gets a line without its end, bytes as latin1 characters, and gives what stands in its place */
  constructor(private readonly change: (line: string) => string) {
    super();
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    clearTimeout(this.timer);
    const lines = (this.rest + chunk.toString('latin1')).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      this.push(Buffer.from(`${this.isCut ? line : this.change(line)}\n`, 'latin1'));
      this.isCut = false;
    }
    if (this.rest.length > LONGEST) this.passRest();
    else if (this.rest !== '')
      this.timer = setTimeout(() => {
        this.passRest();
      }, REST_MS);
    done();
  }

  override _flush(done: TransformCallback): void {
    clearTimeout(this.timer);
    if (this.rest !== '') this.push(Buffer.from(this.isCut ? this.rest : this.change(this.rest), 'latin1'));
    done();
  }

  private passRest(): void {
    this.push(Buffer.from(this.rest, 'latin1'));
    this.rest = '';
    this.isCut = true;
  }
}
