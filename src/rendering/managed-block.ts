import { FleetError } from '../model/errors';

/** Where a block stands in a text: `[start, end)`, both markers and the last line end included. */
export interface ManagedBlock {
  readonly start: number;
  readonly end: number;
  /** What stands between the markers, every line with its line end. */
  readonly content: string;
}

/**
 * Finds the block of this name.
 *
 * @returns null if neither of its markers is in the text
 * @throws FleetError `managed-block-broken` when a marker is missing, doubled or out of order: the block's
 *   lines are then unknown
 */
export function findBlock(text: string, name: string): ManagedBlock | null {
  const opening: Line[] = [];
  const closing: Line[] = [];
  for (const line of linesOf(text)) {
    if (line.text === openMarker(name)) opening.push(line);
    if (line.text === closeMarker(name)) closing.push(line);
  }
  const [open, close] = [opening[0], closing[0]];
  if (open === undefined && close === undefined) return null;
  if (
    open === undefined ||
    close === undefined ||
    opening.length > 1 ||
    closing.length > 1 ||
    open.start > close.start
  ) {
    const numbers = [...opening, ...closing].map((line) => line.number).sort((one, other) => one - other);
    throw new FleetError({
      code: 'managed-block-broken',
      problem: `the markers of block ${name} do not enclose one block (line ${numbers.join(', ')})`,
      remedy: `leave one line "${openMarker(name)}" and, below it, one line "${closeMarker(name)}", or neither`,
    });
  }
  return { start: open.start, end: close.end, content: text.slice(open.end, close.start) };
}

/**
 * Puts the block at the top of the text, or replaces it where it stands.
 *
 * @throws FleetError as {@link findBlock}, and `managed-block-content` when the content holds a marker itself
 */
export function insertBlock(text: string, name: string, content: string): string {
  if (linesOf(content).some((line) => ANY_MARKER.test(line.text))) {
    throw new FleetError({
      code: 'managed-block-content',
      problem: `the content of block ${name} has a line that looks like a marker`,
      remedy: 'leave lines that begin with "# >>> buildfleet" or "# <<< buildfleet" out of it',
      attribute: 'content',
    });
  }
  const block = `${openMarker(name)}\n${blockContent(content)}${closeMarker(name)}\n`;
  const existing = findBlock(text, name);
  return existing === null ? block + text : text.slice(0, existing.start) + block + text.slice(existing.end);
}

/**
 * The text without the block: what it was before {@link insertBlock}, byte for byte.
 *
 * @throws FleetError as {@link findBlock}
 */
export function removeBlock(text: string, name: string): string {
  const block = findBlock(text, name);
  return block === null ? text : text.slice(0, block.start) + text.slice(block.end);
}

/**
 * Whether the text says the block's content without its markers: the operator has written it where buildfleet may not.
 * What stands below a `Host` or `Match` of ssh_config would hold for some hosts only.
 */
export function isWrittenByHand(text: string, content: string): boolean {
  const head = linesOf(text).map((line) => line.text.trim());
  const conditional = head.findIndex((line) => /^(host|match)[\s=]/i.test(line));
  const wanted = linesOf(content).map((line) => line.text.trim());
  const all = `\n${(conditional === -1 ? head : head.slice(0, conditional)).join('\n')}\n`;
  return wanted.length > 0 && all.includes(`\n${wanted.join('\n')}\n`);
}

/** The content as it stands between the markers: its last line is a whole one. */
export function blockContent(content: string): string {
  return content === '' || content.endsWith('\n') ? content : `${content}\n`;
}

interface Line {
  /** From 1. */
  readonly number: number;
  readonly start: number;
  readonly end: number;
  /** Without its line end. */
  readonly text: string;
}

const ANY_MARKER = /^# (>>>|<<<) buildfleet /;

function openMarker(name: string): string {
  return `# >>> buildfleet ${name} >>>`;
}

function closeMarker(name: string): string {
  return `# <<< buildfleet ${name} <<<`;
}

function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline + 1;
    // An editor may have turned every line end of the file into CRLF, the block's among them.
    lines.push({ number: lines.length + 1, start, end, text: text.slice(start, end).replace(/\r?\n$/, '') });
    start = end;
  }
  return lines;
}
