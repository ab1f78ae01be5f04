import { setTimeout as pause } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { printable } from '../../model/printable';
import { isOurColour } from '../colours';
import type { Terminal } from '../terminal';
import type { StatusReport } from './report';
import { renderStatus } from './render';

/** A screen of its own, so that what stood in the terminal comes back, and no cursor that jumps about. */
const OPEN_SCREEN = '\u001b[?1049h\u001b[?25l\u001b[H';
const CLOSE_SCREEN = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

/** Tools of {@link watchStatus}. */
export interface Watch {
  readonly terminal: Terminal;
  /** Fires when it has been watched for long enough. */
  readonly signal: AbortSignal;
  /** Between the end of one look and the begin of the next. */
  readonly seconds: number;
  readonly look: () => Promise<StatusReport>;
}

/**
 * Looks again and again until the signal fires. A terminal shows the state of now; elsewhere the state is written
 * whenever it has changed, with `--json` as one line.
 */
export async function watchStatus(watch: Watch): Promise<void> {
  const display = displayOn(watch);
  try {
    while (!watch.signal.aborted) {
      display.show(await watch.look());
      await pause(watch.seconds * 1000, undefined, { signal: watch.signal });
    }
  } catch (error) {
    if (!watch.signal.aborted) throw error;
  } finally {
    display.close();
  }
}

interface Display {
  show(report: StatusReport): void;
  close(): void;
}

function displayOn({ terminal, seconds }: Watch): Display {
  if (terminal.json || terminal.screen === undefined) return changesOn(terminal);
  let last: StatusReport | undefined;
  let opened = false;
  return {
    show: (report) => {
      const { columns = 80, rows = 24 } = terminal.screen ?? {};
      const title = `fleet ${report.fleet}, every ${seconds} s, ${clockText(new Date())}; Ctrl-C ends`;
      const lines = [title, '', ...shown(renderStatus(report, terminal.colour, columns)).split('\n')];
      terminal.draw(`${opened ? HOME : OPEN_SCREEN}${frame(lines, columns, rows)}`);
      opened = true;
      last = report;
    },
    close: () => {
      if (last === undefined) return;
      terminal.draw(`${CLOSE_SCREEN}${shown(renderStatus(last, terminal.colour, terminal.screen?.columns))}`);
    },
  };
}

function shown(text: string): string {
  return printable(text, isOurColour);
}

/** As many lines as fit, each of which replaces what stood in its place. */
function frame(lines: readonly string[], columns: number, rows: number): string {
  // A line that wraps would push the top out of the screen; the last row stays free for the cursor.
  let room = rows - 1;
  const shown = lines.flatMap((line) => {
    const width = stripVTControlCharacters(line).length;
    room -= Math.max(1, Math.ceil(width / columns));
    if (room < 0) return [];
    // Behind the last character of a full row, terminals clear that character.
    return [width > 0 && width % columns === 0 ? line : line + CLEAR_LINE];
  });
  return `${shown.join('\n')}\n${CLEAR_BELOW}${HOME}`;
}

function changesOn(terminal: Terminal): Display {
  let before: string | undefined;
  return {
    show: (report) => {
      const now = JSON.stringify(stateOf(report));
      if (now === before) return;
      const gap = before === undefined || terminal.json ? '' : '\n';
      terminal.data(terminal.json ? JSON.stringify(report) : gap + renderStatus(report, false));
      before = now;
    },
    close: () => undefined,
  };
}

/** The part of a report that counts as a change: states, not the numbers that every heartbeat changes. */
function stateOf({ hub, vms }: StatusReport): unknown {
  return [
    hub.reachable,
    vms.map(({ id, power, tunnel, hubEntry, facts, image, usable, notes }) => [
      ...[id, power.state, tunnel.state, hubEntry.state, hubEntry.ghcVersions, facts.builds, image.state, usable],
      notes.length,
    ]),
  ];
}

function clockText(now: Date): string {
  return [now.getHours(), now.getMinutes(), now.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}
