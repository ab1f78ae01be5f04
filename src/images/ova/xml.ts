import { FleetError } from '../../model/errors';

/** One element. Its content is text or further elements, never both. */
export interface XmlElement {
  /** With its prefix: `rasd:Caption`. Must be a name in XML's sense. */
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly content: string | readonly XmlElement[];
}

/** An element with attributes. Numbers stand in it as JavaScript prints them. */
export function element(
  name: string,
  attributes: XmlElement['attributes'],
  content: XmlElement['content'] = [],
): XmlElement {
  return { name, attributes, content };
}

/** An element without attributes, with a text or a number in it. */
export function textElement(name: string, text: string | number): XmlElement {
  return { name, attributes: {}, content: String(text) };
}

/**
 * An XML 1.0 document in UTF-8, one element a line, indented by two spaces.
 *
 * @throws FleetError `xml-character` for text that XML cannot hold
 */
export function renderXml(root: XmlElement): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${lines(root).join('\n')}\n`;
}

function lines({ name, attributes, content }: XmlElement): string[] {
  const words = Object.entries(attributes).map(([key, value]) => `${key}="${escape(String(value))}"`);
  const open = [name, ...words].join(' ');
  if (content.length === 0) return [`<${open}/>`];
  if (typeof content === 'string') return [`<${open}>${escape(content)}</${name}>`];
  return [`<${open}>`, ...content.flatMap(lines).map((line) => `  ${line}`), `</${name}>`];
}

// A parser turns white space other than spaces into spaces in attributes, and \r into \n everywhere.
const SPECIAL = /[&<>"\t\n\r]/g;
// eslint-disable-next-line no-control-regex -- these are what XML has no place for
const IMPOSSIBLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u;

function escape(text: string): string {
  if (IMPOSSIBLE.test(text)) {
    throw new FleetError({
      code: 'xml-character',
      problem: 'a text holds a character that XML has no place for',
      value: text,
      remedy: 'use letters, digits and punctuation',
    });
  }
  return text.replace(SPECIAL, (character) => `&#${character.charCodeAt(0)};`);
}
