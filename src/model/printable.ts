/**
 * Escape sequences, and single characters that steer a terminal: C0 and C1 but for newline and tab, DEL, and what turns
 * the direction of writing around. A string that does not end in
 * its line is no sequence: what stands behind it would be swallowed.
 */
const SEQUENCES = new RegExp(
  [
    // CSI: colours, cursor, erasing.
    '(?:\\u001b\\[|\\u009b)[0-?]*[ -/]*[@-~]',
    // OSC, DCS, SOS, PM and APC with their strings: titles, links, the clipboard.
    '(?:\\u001b[\\]PX^_]|[\\u0090\\u0098\\u009d-\\u009f])[^\\u001b\\u0007\\u0080-\\u009f\\n]*(?:\\u0007|\\u001b\\\\|\\u009c)',
    '\\u001b[ -/]*[0-~]',
    '\\r\\n',
    '[^\\P{Cc}\\n\\t]',
    '[\\u2028-\\u202e\\u2066-\\u2069]',
  ].join('|'),
  'gu',
);

/** The begin of a sequence whose end may come with the next piece of a stream. */
const UNFINISHED =
  // eslint-disable-next-line no-control-regex -- escape sequences are what is looked for
  /(?:\u001b(?:\[[0-?]*[ -/]*|[\]PX^_][^\u001b\u0007\u0080-\u009f\n]*\u001b?|[ -/]*)|\u009b[0-?]*[ -/]*|[\u0090\u0098\u009d-\u009f][^\u001b\u0007\u0080-\u009f\n]*\u001b?)$/u;

/** Longest begin of a sequence that is waited for, in characters. */
const LONGEST_UNFINISHED = 4096;

// eslint-disable-next-line no-control-regex -- that is what a colour is
const COLOUR = /^\u001b\[[\d;:]*m$/;

/** Whether this is a sequence that sets colours and weight only (SGR). */
export function isColour(sequence: string): boolean {
  return COLOUR.test(sequence);
}

/**
 * Text that cannot steer the terminal which shows it, wherever it came from: escape sequences are dropped, other control
 * characters become spaces. Newlines and tabs stay.
 *
 * @param isKept says which sequences, or control characters, stay as they are. Default: none
 */
export function printable(text: string, isKept: (sequence: string) => boolean = () => false): string {
  return text.replace(SEQUENCES, (found) => {
    if (isKept(found)) return found;
    if (found === '\r\n') return '\n';
    return found.length > 1 ? '' : ' ';
  });
}

/** {@link printable} text in one line. */
export function printableLine(text: string): string {
  return printable(text).replace(/[\t\n]/g, ' ');
}

/** A JSON document that cannot steer a terminal: what JSON leaves as it is becomes an escape, so that nothing is lost. */
export function printableJson(document: string): string {
  return document.replace(
    /[^\P{Cc}\n\t]|[\u2028-\u202e\u2066-\u2069]/gu,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** How much of a stream's text can be told: what is left is the begin of a sequence, whose rest has to be waited for. */
export function finishedLength(text: string): number {
  const tail = text.slice(-LONGEST_UNFINISHED);
  const begin = tail.search(UNFINISHED);
  return begin === -1 || (begin === 0 && tail.length < text.length) ? text.length : text.length - tail.length + begin;
}
