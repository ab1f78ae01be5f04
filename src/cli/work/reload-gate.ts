import { Transform, type TransformCallback } from 'node:stream';

/** Commands of GHCi that read sources. Programs such as ghcid send them as lines of their own. */
const READS_SOURCES = /^[ \t]*:(r|re|reload|l|lo|load|a|ad|add)(![ \t]*)?([ \t\r\n]|$)/;

/** The begin of a line that may become one of them. */
const MAY_READ_SOURCES = /^[ \t]*(:\w{0,6}!?)?$/;

/**
 * Passes on input for GHCi byte for byte. A command that reads sources is kept back until the sources are there: a program
 * sends it as soon as it sees the edit, and GHCi would find nothing new, for ever.
 */
export class ReloadGate extends Transform {
  private rest = '';

  /** @param fresh resolves when all that was edited until now is there */
  constructor(private readonly fresh: () => Promise<void>) {
    super();
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    const lines = (this.rest + chunk.toString('latin1')).split(/(?<=\n)/);
    const last = lines.at(-1) ?? '';
    const isPartial = MAY_READ_SOURCES.test(last) && !last.endsWith('\n');
    this.rest = isPartial ? (lines.pop() ?? '') : '';
    void this.passOn(lines).then(() => {
      done();
    });
  }

  override _flush(done: TransformCallback): void {
    void this.passOn([this.rest]).then(() => {
      done();
    });
  }

  private async passOn(lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      if (READS_SOURCES.test(line)) await this.fresh().catch(() => undefined);
      if (line !== '') this.push(Buffer.from(line, 'latin1'));
    }
  }
}
