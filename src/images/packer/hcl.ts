import { FleetError } from '../../model/errors';

/** What may stand on the right side of an attribute. Plain objects are HCL objects, arrays are tuples. */
export type HclExpression =
  string | number | boolean | HclReference | HclCall | HclComparison | HclTemplate | HclList | HclObject;
export type HclList = readonly HclExpression[];
export interface HclObject {
  readonly [key: string]: HclExpression;
}

/** A value that stands elsewhere: `var.memory`, `source.qemu.disk`. */
export class HclReference {
  constructor(readonly path: string) {
    if (!TRAVERSAL.test(path)) throw unwritable('reference', path, 'give names joined by dots, such as var.memory');
  }
}

/** A call of one of the configuration language's functions. */
class HclCall {
  constructor(
    readonly name: string,
    readonly args: readonly HclExpression[],
  ) {
    if (!IDENTIFIER.test(name)) throw unwritable('function name', name, 'give an identifier');
  }
}

/** Two values and what has to hold between them. */
class HclComparison {
  constructor(
    readonly left: HclExpression,
    readonly operator: '>' | '>=' | '!=',
    readonly right: HclExpression,
  ) {}
}

/** Text with values in between. */
export class HclTemplate {
  constructor(readonly parts: readonly (string | HclReference | HclCall)[]) {}
}

/** A block: its labels and what it holds. */
export class HclBlock {
  constructor(
    readonly type: string,
    readonly labels: readonly string[],
    readonly body: HclBody,
  ) {}
}

/** In the order in which they are written: blocks, and groups of attributes without an empty line between them. */
export type HclBody = readonly (HclObject | HclBlock)[];

const IDENTIFIER = /^[A-Za-z][A-Za-z0-9_-]*$/;
const TRAVERSAL = /^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z][A-Za-z0-9_-]*)*$/;
/** Longest list that stands on one line. */
const LINE_WIDTH = 100;

export function ref(path: string): HclReference {
  return new HclReference(path);
}

export function call(name: string, ...args: HclExpression[]): HclCall {
  return new HclCall(name, args);
}

export function comparison(left: HclExpression, operator: '>' | '>=' | '!=', right: HclExpression): HclExpression {
  return new HclComparison(left, operator, right);
}

/** Tag of a template literal: `` template`${ref('var.name')}.ova` ``. What is not interpolated is taken as it is. */
export function template(texts: TemplateStringsArray, ...values: (string | HclReference | HclCall)[]): HclTemplate {
  return new HclTemplate(texts.flatMap((text, index) => [text, ...values.slice(index, index + 1)]));
}

export function block(type: string, labels: readonly string[], ...body: HclBody): HclBlock {
  return new HclBlock(type, labels, body);
}

/**
 * A file of HCL2, laid out as `packer fmt` and `terraform fmt` do: they leave it as it is.
 *
 * @param comment stands at the top, one line per element.
 * @throws FleetError for names and texts that HCL cannot hold.
 */
export function renderHcl(body: HclBody, comment: readonly string[] = []): string {
  const head = comment.map((line) => `# ${singleLine(line)}`.trimEnd());
  return [...head, ...(head.length > 0 && body.length > 0 ? [''] : []), ...bodyLines(body)]
    .map((line) => `${line}\n`)
    .join('');
}

/** Blocks are set apart by empty lines, attributes that stand together are not. */
function bodyLines(body: HclBody): string[] {
  const names = body.flatMap((part) => (part instanceof HclBlock ? [] : Object.keys(part)));
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw unwritable('attribute name', repeated, 'give each name once in a block');
  return body
    .map((part) => (part instanceof HclBlock ? blockLines(part) : attributeLines(part)))
    .filter((lines) => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

function blockLines({ type, labels, body }: HclBlock): string[] {
  if (!IDENTIFIER.test(type)) throw unwritable('block type', type, 'give an identifier');
  const head = [type, ...labels.map(quoted)].join(' ');
  const inner = bodyLines(body);
  return inner.length === 0 ? [`${head} {`, '}'] : [`${head} {`, ...indented(inner), '}'];
}

function attributeLines(attributes: HclObject): string[] {
  const assignments = Object.entries(attributes).map(([name, value]): Assignment => {
    if (!IDENTIFIER.test(name)) throw unwritable('attribute name', name, 'give an identifier');
    return { key: name, value: expressionLines(value) };
  });
  return alignedLines(assignments, '');
}

interface Assignment {
  readonly key: string;
  readonly value: readonly string[];
}

/** The formatter aligns `=` over neighbouring lines that hold a whole assignment. */
function alignedLines(assignments: readonly Assignment[], end: string): string[] {
  const widths = assignments.map(({ key, value }) => (value.length === 1 ? key.length : null));
  return assignments.flatMap(({ key, value: [first = '', ...rest] }, index) => {
    const name = widths[index] === null ? key : key.padEnd(runWidth(widths, index));
    const lines = [`${name} = ${first}`, ...rest];
    return [...lines.slice(0, -1), `${lines.at(-1) ?? ''}${end}`];
  });
}

/** Widest name of the run of one-line assignments that `index` belongs to. */
function runWidth(widths: readonly (number | null)[], index: number): number {
  const begin = widths.lastIndexOf(null, index) + 1;
  const end = widths.indexOf(null, index);
  return Math.max(...widths.slice(begin, end === -1 ? undefined : end).map((width) => width ?? 0));
}

function expressionLines(value: HclExpression): string[] {
  if (isList(value)) return listLines(value);
  if (isObject(value)) {
    const members = Object.entries(value);
    if (members.length === 0) return ['{}'];
    const assignments = members.map(([key, member]) => ({ key: objectKey(key), value: expressionLines(member) }));
    return ['{', ...indented(alignedLines(assignments, '')), '}'];
  }
  return [inline(value)];
}

function listLines(items: HclList): string[] {
  const lines = items.map(expressionLines);
  const short = `[${lines.map(([first]) => first).join(', ')}]`;
  const fits = lines.every((item) => item.length === 1) && short.length <= LINE_WIDTH;
  if (items.length === 0 || fits) return [short];
  return ['[', ...indented(lines.flatMap((item) => [...item.slice(0, -1), `${item.at(-1) ?? ''},`])), ']'];
}

/** An expression on one line, as it also stands between the braces of a template or of a call. */
function inline(value: HclExpression): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'boolean') return String(value);
  if (value instanceof HclReference) return value.path;
  if (value instanceof HclCall) return `${value.name}(${value.args.map(inline).join(', ')})`;
  if (value instanceof HclComparison) return `${inline(value.left)} ${value.operator} ${inline(value.right)}`;
  if (value instanceof HclTemplate) return templateText(value);
  if (isList(value)) return `[${value.map(inline).join(', ')}]`;
  const members = Object.entries(value).map(([key, member]) => `${objectKey(key)} = ${inline(member)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

function templateText({ parts }: HclTemplate): string {
  const text = parts.map((part, index) => {
    if (typeof part !== 'string') return `\${${inline(part)}}`;
    // A dollar or percent sign means something else once a brace follows.
    const isFollowed = index + 1 < parts.length && /[$%]$/.test(part);
    return isFollowed ? escaped(part.slice(0, -1)) + unicodeEscape(part.slice(-1)) : escaped(part);
  });
  return `"${text.join('')}"`;
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) throw unwritable('number', value, 'give a finite number');
  return String(value === 0 ? 0 : value);
}

/** Names that the language gives a meaning of their own stand in quotes, as all that are no identifiers. */
function objectKey(key: string): string {
  if (!/^[\x20-\x7e]+$/.test(key)) throw unwritable('key', key, 'give printable ASCII characters');
  return IDENTIFIER.test(key) && !['for', 'null', 'true', 'false'].includes(key) ? key : quoted(key);
}

function quoted(text: string): string {
  return `"${escaped(text)}"`;
}

/** Strings are sequences of code points in HCL: half a surrogate pair is none. */
function escaped(text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw unwritable('text', text, 'give valid Unicode');
  return (
    text
      .replaceAll('\\', '\\\\')
      .replaceAll('"', '\\"')
      .replaceAll('\n', '\\n')
      .replaceAll('\r', '\\r')
      .replaceAll('\t', '\\t')
      // eslint-disable-next-line no-control-regex -- control characters are what is escaped
      .replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]/g, unicodeEscape)
      // `$${` is `${`, but after another dollar sign readers disagree
      .replaceAll(/([$%]*)([$%])\{/g, (_, before: string, sign: string) =>
        before === '' ? `${sign}${sign}{` : `${(before + sign).replaceAll(/./g, unicodeEscape)}{`,
      )
  );
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function singleLine(text: string): string {
  if (/[\n\r]/.test(text)) throw unwritable('comment', text, 'give one line per element');
  return text;
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? line : `  ${line}`));
}

function isList(value: HclExpression): value is HclList {
  return Array.isArray(value);
}

function isObject(value: HclExpression): value is HclObject {
  return (
    typeof value === 'object' &&
    !isList(value) &&
    ![HclReference, HclCall, HclComparison, HclTemplate].some((kind) => value instanceof kind)
  );
}

function unwritable(what: string, value: unknown, remedy: string): FleetError {
  return new FleetError({ code: 'hcl-unwritable', problem: `this ${what} cannot be written in HCL`, value, remedy });
}
