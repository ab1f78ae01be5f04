import { printable, printableJson } from '../model/printable';
import { isOurColour } from './colours';

/**
 * Where a command writes. Data and messages never mix: data can be piped while messages are read. What is written may
 * come from a VM: it cannot steer the terminal ({@link printable}).
 */
export interface Terminal {
  /** Data: one line, or several, on standard output. */
  data(text: string): void;
  /** A whole screen as it is: what it holds besides our own cursor movements has to be {@link printable}. */
  draw(screen: string): void;
  /** For people: one line on standard error, left out with `--quiet`. */
  message(text: string): void;
  /** One line on standard error, also with `--quiet`. */
  error(text: string): void;
  /** Whether `--json` was given: data is then one JSON document. */
  readonly json: boolean;
  /** Whether messages are left out. */
  readonly quiet?: boolean;
  /** Whether data may carry colours. */
  readonly colour: boolean;
  /** Size of the terminal that shows the data, as it is now; undefined where no terminal does. */
  readonly screen?: { readonly columns: number; readonly rows: number } | undefined;
}

export interface TerminalOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

/** The part of a stream that {@link openTerminal} uses. */
export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** The terminal of this process. Colours only where the output is a terminal and NO_COLOR is not set. */
export function openTerminal(
  options: TerminalOptions,
  environment: NodeJS.ProcessEnv = process.env,
  stdout: Stream = process.stdout,
  stderr: Stream = process.stderr,
): Terminal {
  const colour = stdout.isTTY === true && !options.json && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
  const clean = (text: string, isKept?: (sequence: string) => boolean): string =>
    options.json ? printableJson(text) : printable(text, isKept);
  return {
    data: (text) => void stdout.write(`${clean(text, colour ? isOurColour : undefined)}\n`),
    draw: (screen) => void stdout.write(`${screen}\n`),
    message: (text) => {
      if (!options.quiet) stderr.write(`${printable(text)}\n`);
    },
    error: (text) => void stderr.write(`${clean(text)}\n`),
    json: options.json,
    quiet: options.quiet,
    get screen() {
      if (stdout.isTTY !== true || environment['TERM'] === 'dumb') return undefined;
      return { columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 };
    },
    colour,
  };
}
