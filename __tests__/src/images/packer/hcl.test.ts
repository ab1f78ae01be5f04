import { getExpressionAst, parse } from '@cdktf/hcl2json';
import fc from 'fast-check';
import { FleetError } from '../../../../src/model/errors';
import {
  block,
  call,
  type HclExpression,
  type HclReference,
  HclTemplate,
  ref,
  renderHcl,
  template,
} from '../../../../src/images/packer/hcl';
import { hclIdentifier, hclText, hclValue } from './support/hcl-documents';

/** Parses with HashiCorp's own parser and gives the attributes of the file's one block `locals`. */
async function parsedLocals(text: string): Promise<Record<string, unknown>> {
  const { locals } = (await parse('test.hcl', text)) as { locals: [Record<string, unknown>] };
  return locals[0];
}

/** The value as the parser prints it: normalised text in which what looks like a template is escaped. */
function asParsed(value: HclExpression): unknown {
  if (typeof value === 'string') return textAsParsed(value);
  if (typeof value === 'number') return value === 0 ? 0 : value;
  if (Array.isArray(value)) return value.map((item) => asParsed(item as HclExpression));
  if (typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [textAsParsed(key), asParsed(item as HclExpression)]),
  );
}

function textAsParsed(text: string): string {
  return text.normalize('NFC').replaceAll(/([$%])\{/g, '$1$1{');
}

describe('renderHcl', () => {
  test('a real parser reads back every value', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(hclIdentifier, hclValue, { minKeys: 1, maxKeys: 6, noNullPrototype: true }),
        async (attributes) => {
          expect(await parsedLocals(renderHcl([block('locals', [], attributes)]))).toEqual(asParsed(attributes));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('a real parser finds the texts and the references of a template where they were put', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(hclText, fc.constant(ref('var.x'))), { maxLength: 5 }), async (parts) => {
        const written = [...parts, ref('var.end'), '.'];
        const [, source] = /^value = (.*)\n$/.exec(renderHcl([{ value: new HclTemplate(written) }])) as unknown as [
          string,
          string,
        ];
        expect(await parsedTemplate(source)).toEqual(joined(written));
      }),
      // apart these mean nothing, together they begin an interpolation or escape one
      { numRuns: 200, examples: [[['$', '{a}']], [['%', '', '{if a}']], [['$', '']]] },
    );
  });

  test('a real parser reads back labels and nesting', async () => {
    const text = renderHcl([
      block('source', ['qemu', 'a "b" ${c}'], { size: 1 }, block('inner', [], block('empty', []))),
    ]);
    expect(await parse('test.hcl', text)).toEqual({
      source: { qemu: { 'a "b" ${c}': [{ size: 1, inner: [{ empty: [{}] }] }] } },
    });
  });

  test('lays a file out as the formatter does', () => {
    const text = renderHcl(
      [
        block('packer', [], { required_version: '>= 1.10' }),
        block(
          'source',
          ['qemu', 'disk'],
          { name: template`${ref('var.name')}.qcow2`, memory: 8192, list: ['x'.repeat(60), 'y'.repeat(60)] },
          { cpus: 4, map: { 'user-data': true, a: -1 } },
          block('empty', []),
        ),
        { all: call('concat', ref('local.a'), [1, 2]) },
      ],
      ['what it is'],
    );
    expect(text).toMatchSnapshot();
  });

  const bad: [string, () => unknown][] = [
    ['half a surrogate pair', () => renderHcl([{ a: '\ud800' }])],
    ['a number that is none', () => renderHcl([{ a: Number.NaN }])],
    ['an attribute that is no identifier', () => renderHcl([{ 'a b': 1 }])],
    ['a block type that is no identifier', () => renderHcl([block('a b', [])])],
    ['a key with a newline', () => renderHcl([{ a: { 'b\n': 1 } }])],
    ['a comment of two lines', () => renderHcl([], ['a\nb = 1'])],
    ['a name given twice', () => renderHcl([{ a: 1 }, block('b', []), { a: 2 }])],
    ['a reference that is an expression', () => ref('var.x + 1')],
    ['a function that is none', () => call('f(x', 1)],
  ];
  test.each(bad)('refuses %s', (_, render) => {
    expect(render).toThrow(FleetError);
    expect(render).toThrow(/cannot be written in HCL/);
  });
});

/** Texts between references, as the parser prints them; a reference stands between two of them. */
function joined(parts: readonly (string | HclReference)[]): string[] {
  const texts = [''];
  for (const part of parts) {
    if (typeof part === 'string') texts.push((texts.pop() ?? '') + part);
    else texts.push('');
  }
  return texts.map(textAsParsed);
}

/** {@link joined} as the parser sees a template: its syntax tree holds the source of each text. */
async function parsedTemplate(source: string): Promise<string[]> {
  const tree = (await getExpressionAst('test.hcl', source)) as unknown as {
    children: { type: string; meta: { value: string } }[];
  };
  const texts = [''];
  for (const { type, meta } of tree.children) {
    if (type === 'literalValue') texts.push((texts.pop() ?? '') + meta.value);
    else texts.push('');
  }
  return Promise.all(
    texts.map(async (text) => String((await parsedLocals(`locals {\n  text = "${text}"\n}\n`))['text'])),
  );
}
