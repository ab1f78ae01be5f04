import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { element, parseXml, renderXml, textElement, type XmlElement } from '../../../src/rendering/xml';

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

/** As the parser answers: no difference between no text and no children. */
function asRead({ name, attributes, children, text = '' }: XmlElement): unknown {
  return { name, attributes, content: children.length === 0 ? text : children.map(asRead) };
}

function withoutText({ name, attributes, children }: XmlElement): XmlElement {
  return { name, attributes, children: children.map(withoutText) };
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
const attributes = fc.dictionary(names, fc.oneof(texts, fc.integer()), { maxKeys: 3, noNullPrototype: true });
const elements = fc.letrec<{ element: XmlElement }>((tie) => ({
  element: fc.oneof(
    { maxDepth: 4 },
    fc.tuple(names, texts, attributes).map((parts) => textElement(...parts)),
    fc.tuple(names, attributes, fc.array(tie('element'), { maxLength: 3 })).map((parts) => element(...parts)),
  ),
})).element;

test('a real parser reads back all texts as they were written', () => {
  fc.assert(
    fc.property(fc.array(elements, { minLength: 40, maxLength: 60 }), (samples) => {
      expect(parseAll(samples.map(renderXml))).toEqual(samples.map(asRead));
    }),
    { numRuns: 10 },
  );
});

test('parseXml reads back what was written, apart from texts', () => {
  fc.assert(
    fc.property(elements, (sample) => {
      expect(parseXml(renderXml(sample))).toEqual(withoutText(sample));
    }),
  );
});

test.each(['\u0000', '\u0008', '\u001b[0m', '\ufffe', '\ud800', 'a\udc00b'])('%j is refused', (text) => {
  for (const document of [textElement('name', text), element('name', { key: text })]) {
    expect(() => renderXml(document)).toThrow(/character that XML has no place for/);
  }
});

test('one element a line', () => {
  const document = element('a', { b: 1 }, [textElement('c', 'd'), element('e', {}), textElement('f', '')]);
  expect(renderXml(document)).toBe(
    ['<?xml version="1.0" encoding="UTF-8"?>', '<a b="1">', '  <c>d</c>', '  <e/>', '  <f/>', '</a>', ''].join('\n'),
  );
});

describe('what others have written', () => {
  const escaped = (text: string) => text.replace(/[&<>"\n]/g, (character) => `&#${character.charCodeAt(0)};`);

  function write({ name, attributes, children }: XmlElement, text: string): string {
    const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
    if (children.length === 0) return `<${name}${written.join('')}/>`;
    return `<${name}${written.join('')}>${text}${children.map((child) => write(child, text)).join('')}</${name}>`;
  }

  // More than XML has a place for: what a writer lets pass is read.
  const raw = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\u0000'));
  const tree = fc.memo((depth: number): fc.Arbitrary<XmlElement> =>
    fc.record({
      name: names,
      attributes: fc.dictionary(names, raw, { noNullPrototype: true }),
      children: depth > 1 ? fc.array(tree(), { maxLength: 3 }) : fc.constant([]),
    }),
  );

  test('is read with texts, comments and declarations between', () => {
    fc.assert(
      fc.property(tree(4), (root) => {
        const text = `<?xml version="1.0"?>\n<!-- <not> an element -->\n${write(root, 'Memory RAMSize="1" &lt;a/&gt; <!-- b > c --> <![CDATA[<d>]]>')}\n`;
        expect(parseXml(text)).toEqual(root);
      }),
    );
  });

  test('is nothing where it is cut off anywhere', () => {
    const whole = '<?xml version="1.0"?><a x="1"><b y="2"/><c>text</c></a>';
    for (let length = 0; length < whole.length; length++) expect(parseXml(whole.slice(0, length))).toBeUndefined();
    expect(parseXml(whole)).toMatchObject({ name: 'a' });
  });

  test.each([
    '',
    'text',
    '<a></b>',
    '</a>',
    '<a/><b/>',
    '<a><b></a></b>',
    '<a x=1/>',
    '<a x="<"/>',
    '<a x/>',
    '<!-- a --',
  ])('is nothing where it is not well formed: %s', (text) => {
    expect(parseXml(text)).toBeUndefined();
  });

  test.each([
    ['&lt;&gt;&amp;&quot;&apos;', '<>&"\''],
    ['&amp;lt;', '&lt;'],
    ['&#65;&#x42;&#X63;&#128512;', 'ABc😀'],
    ['&constructor;&toString;&nbsp;', '&constructor;&toString;&nbsp;'],
    ['&#x110000;', '&#x110000;'],
    ['&amp', '&amp'],
  ])('has references that are resolved once, or stay: %s', (written, value) => {
    expect(parseXml(`<a x="${written}"/>`)?.attributes).toEqual({ x: value });
  });

  test('reaches no prototype', () => {
    const read = parseXml('<a __proto__="1" constructor="2"><__proto__/></a>');
    expect(Object.entries(read?.attributes ?? {})).toEqual([
      ['__proto__', '1'],
      ['constructor', '2'],
    ]);
    expect(read?.children).toEqual([{ name: '__proto__', attributes: {}, children: [] }]);
  });

  test('declares entities in vain', () => {
    expect(parseXml('<!DOCTYPE a [<!ENTITY b "text">]><a x="&b;"/>')?.attributes).toEqual({ x: '&b;' });
    expect(parseXml('<!DOCTYPE a [<!ENTITY b "text"><!ENTITY c "&b;&b;">]><a x="&c;"/>')).toBeUndefined();
  });
});
