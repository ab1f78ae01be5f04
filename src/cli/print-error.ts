import type { ErrorCode } from '../model/error-codes';
import { isFleetError } from '../model/errors';
import { EXIT, exitCodeOf } from './exit-codes';
import type { Terminal } from './terminal';

/** The document that `--json` prints on standard error when a command fails. */
export interface ErrorDocument {
  readonly error: {
    /** `unexpected` for a defect of this program. */
    readonly code: ErrorCode;
    /** All of it in one line. */
    readonly message: string;
    readonly problem: string;
    readonly place: string | null;
    readonly remedy: string;
  };
}

/**
 * Prints why a command failed, as text or with `--json` as a document.
 *
 * @param debug whether to print the stack as well (BUILDFLEET_DEBUG=1)
 * @returns the exit code
 */
export function printError(error: unknown, terminal: Terminal, debug: boolean): number {
  const { error: parts } = describe(error);
  terminal.error(terminal.json ? JSON.stringify({ error: parts }) : `buildfleet: ${parts.message}`);
  if (debug) terminal.error(stackOf(error));
  return isFleetError(error) ? exitCodeOf(error.code) : EXIT.failure;
}

function describe(error: unknown): ErrorDocument {
  if (isFleetError(error)) {
    const { code, message, problem, remedy } = error;
    return { error: { code, message, problem, place: error.place ?? null, remedy } };
  }
  const problem = error instanceof Error ? error.message : String(error);
  const remedy = 'run it again with BUILDFLEET_DEBUG=1 to see where this came from';
  return { error: { code: 'unexpected', message: `${problem}: ${remedy}`, problem, place: null, remedy } };
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by: ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
