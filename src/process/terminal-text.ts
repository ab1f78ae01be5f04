import { Transform, type TransformCallback } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { finishedLength, isColour, printable } from '../model/printable';

/**
 * Passes on what a program writes for people, without what steers a terminal: colours stay, and carriage returns, which
 * end the lines of a terminal and have progress written over itself. Links (OSC 8), as GHC makes them of its error codes,
 * become their text.
 */
export class TerminalText extends Transform {
  private readonly decoder = new StringDecoder('utf8');
  private rest = '';

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    const text = this.rest + this.decoder.write(chunk);
    const length = finishedLength(text);
    this.rest = text.slice(length);
    done(null, shown(text.slice(0, length)));
  }

  override _flush(done: TransformCallback): void {
    done(null, shown(this.rest + this.decoder.end()));
  }
}

function shown(text: string): string {
  return printable(text, (sequence) => sequence.startsWith('\r') || isColour(sequence));
}
