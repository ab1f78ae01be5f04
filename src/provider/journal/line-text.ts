import { printable } from '../../model/printable';

const LONGEST = 200;

/** Text as it may stand in a journal: one line, without control characters, not too long. */
export function lineText(text: string): string {
  const line = printable(text).replace(/\s+/g, ' ').trim();
  return line.length <= LONGEST ? line : `${line.slice(0, LONGEST - 1)}…`;
}
