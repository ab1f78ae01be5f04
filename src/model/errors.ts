import type { ErrorCode } from './error-codes';
import { printable, printableJson } from './printable';

/** Parts of a {@link FleetError}, each for the user who has to act on it. */
export interface FleetErrorParts {
  readonly code: ErrorCode;
  /** Lowercase sentence without a period: what is wrong. */
  readonly problem: string;
  /** Where: a construct path (`fleet/alpha`), a file with line, or a resource attribute. */
  readonly place?: string | undefined;
  /** The value received, shown quoted, so that spaces and newlines can be seen. */
  readonly value?: unknown;
  /** Lowercase sentence without a period: what to do next. */
  readonly remedy: string;
  /** The resource attribute (camelCase) that a Terraform diagnostic should point at. */
  readonly attribute?: string | undefined;
  readonly cause?: unknown;
}

/** The same symbol in every copy of this module: provider, hub and command are bundles with a copy each. */
const MARKER = Symbol.for('buildfleet.FleetError');

/**
 * An error that names the place, the value received and the remedy. Any part may quote what a VM or a file says: all are
 * {@link printable}.
 */
export class FleetError extends Error {
  readonly code: ErrorCode;
  readonly problem: string;
  readonly place: string | undefined;
  /** The value received, quoted; undefined when the error is about no value. */
  readonly received: string | undefined;
  readonly remedy: string;
  readonly attribute: string | undefined;

  constructor(parts: FleetErrorParts) {
    super(printable(formatParts(parts)), parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = 'FleetError';
    this.code = parts.code;
    this.problem = printable(parts.problem);
    this.place = parts.place === undefined ? undefined : printable(parts.place);
    this.received = 'value' in parts ? quote(parts.value) : undefined;
    this.remedy = printable(parts.remedy);
    this.attribute = parts.attribute;
  }

  get [MARKER](): true {
    return true;
  }
}

/** Whether this is a {@link FleetError}, also one of another copy of the class, which `instanceof` does not know. */
export function isFleetError(error: unknown): error is FleetError {
  return typeof error === 'object' && error !== null && MARKER in error;
}

function formatParts(parts: FleetErrorParts): string {
  const place = parts.place === undefined ? '' : `${parts.place}: `;
  const value = 'value' in parts ? ` (received ${quote(parts.value)})` : '';
  return `${place}${parts.problem}${value}: ${parts.remedy}`;
}

/** A value as JSON, so that spaces and newlines in it can be seen. */
export function quote(value: unknown): string {
  // what JSON has no words for, such as undefined, is not a string here
  const quoted: unknown = JSON.stringify(value);
  return typeof quoted === 'string' ? printableJson(quoted) : String(value);
}
