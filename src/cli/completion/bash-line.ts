/** A command line up to the cursor, with the quotes taken off as bash would. Nothing in it is expanded or run. */
export interface ParsedLine {
  /** Complete words before the cursor, and the one at the cursor, which may be empty. */
  readonly words: readonly string[];
  /** The word at the cursor as it was typed. */
  readonly raw: string;
  /** The quote that is open at the cursor. */
  readonly quote: Quote;
}

type Quote = '' | '"' | "'";

/** Reads a simple command as bash splits it into words. */
export function parseLine(line: string): ParsedLine {
  const words: string[] = [];
  let quote: Quote = '';
  let word = '';
  let raw = '';
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at);
    if (quote === '' && /\s/.test(character)) {
      if (raw !== '') words.push(word);
      word = raw = '';
      continue;
    }
    raw += character;
    if (character === quote) quote = '';
    else if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (character === '\\' && quote !== "'" && at + 1 < line.length) {
      const next = line.charAt(++at);
      raw += next;
      // Between double quotes a backslash stands for itself before anything that it need not protect.
      word += quote === '"' && !'"\\$`'.includes(next) ? `\\${next}` : next;
    } else word += character;
  }
  return { words: [...words, word], raw, quote };
}

/**
 * What bash has to put in the place of `text` so that the word at the cursor becomes `value`.
 *
 * @param text what bash replaces: the end of the word as typed, from the last of its word breaks, `=` and `:` among them
 */
export function insertion(value: string, { raw, quote }: ParsedLine, text: string): string {
  const kept = raw.endsWith(text) ? raw.slice(0, raw.length - text.length) : '';
  const stays = parseLine(kept).words.at(-1) ?? '';
  const rest = value.startsWith(stays) ? value.slice(stays.length) : value;
  switch (quote) {
    case '"':
    case "'":
      // bash closes the quote, except where the last character is one already: there it is closed before that.
      return rest.endsWith(quote) ? `${within(quote, rest.slice(0, -1))}${quote}\\${quote}` : within(quote, rest);
    case '':
      return rest.replace(/[\s!"#$&'()*;<>?[\\\]^`{|}]/g, '\\$&').replace(/^~/, '\\~');
  }
}

function within(quote: '"' | "'", text: string): string {
  return quote === '"' ? text.replace(/["\\$`]/g, '\\$&') : text.replaceAll("'", "'\\''");
}
