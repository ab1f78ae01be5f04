/** One cell: text, or text with a colour that means something. */
export type Cell = string | { readonly text: string; readonly colour: 'good' | 'bad' };

const CODES = { good: '\u001b[32m', bad: '\u001b[31m' } as const;
const RESET = '\u001b[0m';

/**
 * Lines of a table with aligned columns, two spaces apart. Nothing follows the last cell of a line.
 *
 * @param header one title a column
 * @param rows as many cells as there are titles; missing ones are empty
 */
export function renderTable(header: readonly string[], rows: readonly (readonly Cell[])[], colour: boolean): string {
  const lines: readonly (readonly Cell[])[] = [header, ...rows];
  const widths = columnWidths(header, lines);
  return lines
    .map((line) => {
      const cells = widths.map((width, column) => {
        const cell = line[column] ?? '';
        return paint(cell, colour) + ' '.repeat(width - widthOf(textOf(cell)));
      });
      return cells.join('  ').trimEnd();
    })
    .join('\n');
}

/** How wide {@link renderTable} makes the table. */
export function tableWidth(header: readonly string[], rows: readonly (readonly Cell[])[]): number {
  const widths = columnWidths(header, [header, ...rows]);
  return widths.reduce((sum, width) => sum + width + 2, -2);
}

function columnWidths(header: readonly string[], lines: readonly (readonly Cell[])[]): number[] {
  return header.map((_, column) => Math.max(...lines.map((line) => widthOf(textOf(line[column] ?? '')))));
}

function textOf(cell: Cell): string {
  // A cell is one line, even if a machine's name holds control characters.
  // eslint-disable-next-line no-control-regex -- control characters are what is replaced
  return (typeof cell === 'string' ? cell : cell.text).replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}

function paint(cell: Cell, colour: boolean): string {
  return typeof cell === 'string' || !colour ? textOf(cell) : `${CODES[cell.colour]}${textOf(cell)}${RESET}`;
}

function widthOf(text: string): number {
  return Array.from(text).length;
}
