import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { element, renderXml, textElement, type XmlElement } from '../../../../src/images/ova/xml';

// Reads a JSON array of documents, and answers what expat finds in each, white space between elements aside.
const PARSE = `
import json, sys
import xml.etree.ElementTree as tree
def read(node):
    children = [read(child) for child in node]
    return {'name': node.tag, 'attributes': node.attrib, 'content': children if children else node.text or ''}
json.dump([read(tree.fromstring(text.encode())) for text in json.load(sys.stdin)], sys.stdout)
`;

function parseAll(documents: readonly string[]): unknown[] {
  const input = JSON.stringify(documents);
  return JSON.parse(execFileSync('python3', ['-c', PARSE], { input, encoding: 'utf8' })) as unknown[];
}

/** As the parser answers: strings only, and no difference between no text and no children. */
function asRead({ name, attributes, content }: XmlElement): unknown {
  const strings = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, String(value)]));
  return { name, attributes: strings, content: content.length === 0 ? '' : contentAsRead(content) };
}

function contentAsRead(content: XmlElement['content']): unknown {
  return typeof content === 'string' ? content : content.map(asRead);
}

// eslint-disable-next-line no-control-regex -- what XML has no place for
const IMPOSSIBLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;
const names = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9._-]{0,10}$/);
const texts = fc
  .oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: fc.constantFrom('&', '<', '>', '"', "'", '\n', '\r', '\t', ' ', ';', ']', 'x') }),
  )
  .filter((text) => !IMPOSSIBLE.test(text));
const elements = fc.letrec<{ element: XmlElement }>((tie) => ({
  element: fc.record({
    name: names,
    attributes: fc.dictionary(names, fc.oneof(texts, fc.integer()), { maxKeys: 3 }),
    content: fc.oneof({ maxDepth: 4 }, texts, fc.array(tie('element'), { maxLength: 3 })),
  }),
})).element;

test('a real parser reads back what was written, whatever the texts', () => {
  fc.assert(
    fc.property(fc.array(elements, { minLength: 40, maxLength: 60 }), (samples) => {
      expect(parseAll(samples.map(renderXml))).toEqual(samples.map(asRead));
    }),
    { numRuns: 10 },
  );
});

test.each(['\u0000', '\u0008', '\u001b[0m', '\ufffe', '\ud800', 'a\udc00b'])('%j is refused', (text) => {
  for (const document of [textElement('name', text), element('name', { key: text })]) {
    expect(() => renderXml(document)).toThrow(/character that XML has no place for/);
  }
});

test('one element a line', () => {
  const document = element('a', { b: 1 }, [textElement('c', 'd'), element('e', {})]);
  expect(renderXml(document)).toBe(
    ['<?xml version="1.0" encoding="UTF-8"?>', '<a b="1">', '  <c>d</c>', '  <e/>', '</a>', ''].join('\n'),
  );
});
