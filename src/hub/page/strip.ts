import { html } from 'hono/html';
import { HISTORY_MINUTES, lastMinutes, type HeartbeatHistory, type Minute } from '../heartbeats';

/** Minutes in one cell of the strip of the last day. */
const CELL_MINUTES = 15;

/** Two small drawings: the last hour minute by minute, and below it the last day by quarters of an hour. */
export function heartbeatStrips(history: HeartbeatHistory | undefined, now: Date) {
  const day = lastMinutes(history, now, HISTORY_MINUTES);
  const hour = day.slice(-60);
  const quarters = Array.from({ length: HISTORY_MINUTES / CELL_MINUTES }, (_, n) =>
    cellOf(day.slice(n * CELL_MINUTES, (n + 1) * CELL_MINUTES)),
  );
  return html`${strip('hour', hour, `last hour: ${shareText(hour)}`)}
  ${strip('day', quarters, `last 24 hours: ${shareText(day)}`)}`;
}

type Cell = Minute | 'partly';

function strip(name: string, cells: readonly Cell[], label: string) {
  return html`<svg
    class="strip ${name}"
    viewBox="0 0 ${cells.length} 1"
    preserveAspectRatio="none"
    role="img"
    aria-label="${label}"
  >
    <title>${label}</title>
    ${(['beat', 'partly', 'missed'] as const).map((kind) => html`<path class="${kind}" d="${pathOf(cells, kind)}" />`)}
  </svg>`;
}

function cellOf(minutes: readonly Minute[]): Cell {
  const known = minutes.filter((minute) => minute !== 'unknown');
  if (known.length === 0) return 'unknown';
  if (known.every((minute) => minute === 'beat')) return 'beat';
  return known.includes('beat') ? 'partly' : 'missed';
}

function shareText(minutes: readonly Minute[]): string {
  const beats = minutes.filter((minute) => minute === 'beat').length;
  const known = minutes.filter((minute) => minute !== 'unknown').length;
  return known === 0 ? 'no heartbeat known' : `heartbeats in ${beats} of ${known} minutes`;
}

/** One rectangle for each run of cells of that kind. */
function pathOf(cells: readonly Cell[], kind: Cell): string {
  const path: string[] = [];
  for (let begin = 0; begin < cells.length; begin += 1) {
    if (cells[begin] !== kind) continue;
    let end = begin;
    while (cells[end] === kind) end += 1;
    path.push(`M${begin} 0h${end - begin}v1h${begin - end}z`);
    begin = end;
  }
  return path.join('');
}
