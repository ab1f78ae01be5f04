import type { Amount } from '../../model/journal';
import { exactDurationText } from '../../model/units';
import { paint } from '../colours';
import { type ActiveOperation, type EndEvent, labelOf } from './operations';

/** Conditions of drawing. */
export interface Canvas {
  readonly columns: number;
  readonly colour: boolean;
  /** Counts up, for what moves. */
  readonly frame: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const BAR = 20;
const LONGEST_LABEL = 40;

const DONE = { create: 'created', update: 'changed', delete: 'removed' } as const;

/** A line for each operation, none wider than the terminal: the bar goes first where there is no room for it. */
export function renderActive(operations: readonly ActiveOperation[], canvas: Canvas): string[] {
  const widest = Math.max(0, ...operations.map(({ label }) => lengthOf(label)));
  const width = Math.min(LONGEST_LABEL, Math.max(10, Math.floor(canvas.columns / 3)), widest);
  const columns = canvas.columns - 1;
  return operations.map(({ label, step, amount, detail, begun }) => {
    const spinner = SPINNER[canvas.frame % SPINNER.length] ?? '';
    const amounts = amount === undefined ? [[]] : [[`${bar(amount)} ${renderAmount(amount)}`], [renderAmount(amount)]];
    const lines = amounts.map((shown) =>
      [
        `${spinner} ${cut(label, width).padEnd(width)}`,
        ...(step === '' ? [] : [step]),
        ...shown,
        elapsed(begun, canvas.now),
      ].join('  '),
    );
    const line = lines.find((candidate) => lengthOf(candidate) <= columns) ?? lines.at(-1) ?? '';
    const room = columns - lengthOf(line) - 2;
    // The tool's output is shown where there is room for some of it.
    if (detail === undefined || room < 10) return cut(line, columns);
    return `${line}  ${paint(cut(detail, room), 'faint', canvas.colour)}`;
  });
}

/** The line that remains of an ended operation. */
export function renderEnd(event: EndEvent, colour: boolean): string {
  const label = labelOf(event);
  const time = event.seconds < 1 ? '' : ` (${exactDurationText(event.seconds)})`;
  if (event.outcome === 'done') {
    const warnings = event.warnings.map((warning) => `; ${warning}`).join('');
    return `${paint(`${label}: ${DONE[event.action]}`, warnings === '' ? 'good' : 'bad', colour)}${time}${warnings}`;
  }
  const what = event.outcome === 'cancelled' ? 'interrupted' : 'FAILED';
  const why = event.error ?? event.warnings[0];
  return `${paint(`${label}: ${what}`, 'bad', colour)}${time}${why === undefined ? '' : `: ${why}`}`;
}

/** The same as {@link renderActive} for where nothing can be drawn over: `alpha: waiting for the tunnel (12 s)`. */
export function renderPlain({ label, step, amount, begun }: ActiveOperation, now: number): string {
  const so = amount === undefined ? '' : `, ${renderAmount(amount)}`;
  return `${label}: ${step}${so} (${elapsed(begun, now)})`;
}

function renderAmount({ done, total, unit }: Amount): string {
  if (unit === 'percent') return `${Math.floor((100 * done) / total)} %`;
  const mebibytes = (bytes: number) => Math.floor(bytes / 2 ** 20);
  return total < 2 ** 20 ? `${done} of ${total} bytes` : `${mebibytes(done)} of ${mebibytes(total)} MiB`;
}

function bar({ done, total }: Amount): string {
  const filled = Math.floor(BAR * Math.min(1, done / total));
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR - filled)}]`;
}

function elapsed(begun: number, now: number): string {
  return exactDurationText((now - begun) / 1000);
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}

function cut(text: string, width: number): string {
  const characters = Array.from(text);
  if (characters.length <= width) return text;
  return width < 1 ? '' : `${characters.slice(0, width - 1).join('')}…`;
}
