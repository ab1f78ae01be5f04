import { FleetError } from '../model/errors';

/** An element. It holds text or further elements, never both. */
export interface XmlElement {
  /** With its prefix, `rasd:Caption`: namespaces are not resolved. */
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** Written where there are no children. {@link parseXml} leaves it out: VirtualBox keeps its settings in attributes. */
  readonly text?: string;
}

type Values = Readonly<Record<string, string | number>>;

/** An element with attributes and children. Numbers stand in it as JavaScript prints them. */
export function element(name: string, attributes: Values, children: readonly XmlElement[] = []): XmlElement {
  const strings = Object.entries(attributes).map(([key, value]) => [key, String(value)] as const);
  return { name, attributes: Object.fromEntries(strings), children };
}

/** An element with a text or a number in it. */
export function textElement(name: string, text: string | number, attributes: Values = {}): XmlElement {
  return { ...element(name, attributes), text: String(text) };
}

/** The element that a path of names leads to, the first of each name. */
export function childOf(parent: XmlElement | undefined, ...path: readonly string[]): XmlElement | undefined {
  return path.reduce((at, name) => at?.children.find((child) => child.name === name), parent);
}

/** All children of a name. */
export function childrenOf(parent: XmlElement | undefined, name: string): readonly XmlElement[] {
  return parent?.children.filter((child) => child.name === name) ?? [];
}

/**
 * An XML 1.0 document in UTF-8, one element a line, indented by two spaces.
 *
 * @throws FleetError `xml-character` for text that XML cannot hold
 */
export function renderXml(root: XmlElement): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${lines(root).join('\n')}\n`;
}

function lines({ name, attributes, children, text = '' }: XmlElement): string[] {
  const words = Object.entries(attributes).map(([key, value]) => `${key}="${escape(value)}"`);
  const open = [name, ...words].join(' ');
  if (children.length > 0) return [`<${open}>`, ...children.flatMap(lines).map((line) => `  ${line}`), `</${name}>`];
  return [text === '' ? `<${open}/>` : `<${open}>${escape(text)}</${name}>`];
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

// What may stand between two pieces of text: comment, CDATA, declaration or instruction, or a tag with its attributes.
const MARKUP =
  /<(?:!--[\s\S]*?--|!\[CDATA\[[\s\S]*?\]\]|[?][\s\S]*?[?]|!DOCTYPE[^>]*|(\/?)([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?))>/y;
const ATTRIBUTE = /([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

interface OpenElement extends XmlElement {
  readonly children: XmlElement[];
}

/**
 * Reads XML without entities of its own, as VirtualBox writes it. White space in attributes stays as it is.
 *
 * @returns the root element; undefined for a text that is not well formed, as a file that is cut off
 */
export function parseXml(text: string): XmlElement | undefined {
  const root: OpenElement = { name: '', attributes: {}, children: [] };
  const open: OpenElement[] = [root];
  for (let at = text.indexOf('<'); at !== -1; at = text.indexOf('<', MARKUP.lastIndex)) {
    MARKUP.lastIndex = at;
    const match = MARKUP.exec(text);
    if (!match) return undefined;
    const [, closing, name, attributes = '', empty] = match;
    if (name === undefined) continue;
    if (closing === '/') {
      if (open.length === 1 || open.pop()?.name !== name) return undefined;
      continue;
    }
    const values = Array.from(
      attributes.matchAll(ATTRIBUTE),
      ([, key = '', double, single]) => [key, unescape(double ?? single ?? '')] as const,
    );
    const child: OpenElement = { name, attributes: Object.fromEntries(values), children: [] };
    open.at(-1)?.children.push(child);
    if (empty !== '/') open.push(child);
  }
  return open.length === 1 && root.children.length === 1 ? root.children[0] : undefined;
}

const NAMED: ReadonlyMap<string, string> = new Map(
  Object.entries({ lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }),
);

/** References that XML does not know stay as they are. */
function unescape(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return NAMED.get(name) ?? whole;
    const code = hex === undefined ? Number(decimal) : parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
