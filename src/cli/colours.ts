const RESET = '\u001b[0m';
const CODES = { good: '\u001b[32m', bad: '\u001b[31m', faint: '\u001b[2m' } as const;

/** Colours by what they mean. */
export type Colour = keyof typeof CODES;

/** Text in a colour, where colours are wanted. */
export function paint(text: string, colour: Colour, isColoured: boolean): string {
  return isColoured ? `${CODES[colour]}${text}${RESET}` : text;
}

/** Whether this is one of the sequences that {@link paint} writes: others come from elsewhere. */
export function isOurColour(sequence: string): boolean {
  return sequence === RESET || Object.values<string>(CODES).includes(sequence);
}
