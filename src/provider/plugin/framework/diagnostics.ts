import { FleetError, isFleetError } from '../../../model/errors';
import { printable } from '../../../model/printable';
import { toSnakeCase } from '../../../model/wire-names';
import type { WireDiagnostic, WirePath } from '../wire/protocol';

/** Only the first step: with a longer path Terraform shows the block's first line instead of the attribute's. */
export function attributePath(name: string): WirePath {
  return { steps: [{ attributeName: toSnakeCase(name) }] };
}

export function warning(summary: string, detail: string): WireDiagnostic {
  return plain({ severity: 2, summary, detail });
}

/** The diagnostic for a thrown error. `doing` completes "while …", as in `creating buildfleet_vm`. */
export function errorDiagnostic(error: unknown, doing: string, cancelled: boolean): WireDiagnostic {
  if (isFleetError(error)) return fromFleetError(error);
  const what = error instanceof Error ? error.message : String(error);
  if (cancelled) {
    return plain({ severity: 1, summary: `interrupted while ${doing}`, detail: `Deploy again to finish.\n\n${what}` });
  }
  return plain({
    severity: 1,
    summary: `defect in the provider while ${doing}`,
    detail: `${what}\n\nReport this with the stack trace from the log (run again with TF_LOG_PROVIDER=debug).`,
  });
}

/** Terraform writes a diagnostic to the terminal as it is, and what a VM says may be quoted in it. */
function plain(diagnostic: WireDiagnostic): WireDiagnostic {
  return { ...diagnostic, summary: printable(diagnostic.summary), detail: printable(diagnostic.detail) };
}

function fromFleetError(error: FleetError): WireDiagnostic {
  const place = error.place ?? (error.attribute === undefined ? undefined : toSnakeCase(error.attribute));
  return {
    severity: 1,
    summary: place === undefined ? error.problem : `${place}: ${error.problem}`,
    detail: `${error.received === undefined ? '' : `Received ${error.received}.\n\n`}${sentence(error.remedy)}`,
    ...(error.attribute === undefined ? {} : { attribute: attributePath(error.attribute) }),
  };
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
