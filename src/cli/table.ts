import { printableLine } from '../model/printable';
import { type Colour, paint } from './colours';

/** One cell: text, or text with a colour that means something. */
export type Cell = string | { readonly text: string; readonly colour: Colour };

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
        return painted(cell, colour) + ' '.repeat(width - widthOf(textOf(cell)));
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
  return printableLine(typeof cell === 'string' ? cell : cell.text);
}

function painted(cell: Cell, colour: boolean): string {
  return typeof cell === 'string' ? textOf(cell) : paint(textOf(cell), cell.colour, colour);
}

function widthOf(text: string): number {
  return Array.from(text).length;
}
