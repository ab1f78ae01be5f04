import { printable } from '../../model/printable';
import { isOurColour } from '../colours';

/** The part of a terminal that {@link Screen} uses. */
export interface ScreenStream {
  write(text: string): unknown;
}

const ERASE_BELOW = '\u001b[J';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

/** The last lines of a terminal, drawn over again and again; what is printed stays above them. */
export class Screen {
  private drawn = 0;
  private isOpen = false;

  constructor(private readonly stream: ScreenStream) {}

  /** @param lines none wider than the terminal, or the lines below it would be drawn over */
  draw(lines: readonly string[]): void {
    if (!this.isOpen) process.once('exit', this.showCursor);
    const cursor = this.isOpen ? '' : HIDE_CURSOR;
    this.isOpen = true;
    this.stream.write(
      `${cursor}${this.upToBegin()}${lines.map((line) => `${printable(line, isOurColour).replaceAll('\n', ' ')}\n`).join('')}`,
    );
    this.drawn = lines.length;
  }

  /** Text that stays, above what is drawn, which has to be drawn again. */
  print(text: string): void {
    this.stream.write(`${this.upToBegin()}${printable(text, isOurColour)}\n`);
    this.drawn = 0;
  }

  /** Takes away what is drawn. */
  close(): void {
    this.stream.write(this.upToBegin());
    this.drawn = 0;
    if (!this.isOpen) return;
    this.isOpen = false;
    process.off('exit', this.showCursor);
    this.showCursor();
  }

  private readonly showCursor = (): void => {
    this.stream.write(SHOW_CURSOR);
  };

  private upToBegin(): string {
    return this.drawn === 0 ? '' : `\r\u001b[${this.drawn}A${ERASE_BELOW}`;
  }
}
