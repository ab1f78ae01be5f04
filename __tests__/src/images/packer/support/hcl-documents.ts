import fc from 'fast-check';
import {
  block,
  call,
  HclBlock,
  type HclBody,
  type HclExpression,
  HclTemplate,
  ref,
} from '../../../../../src/images/packer/hcl';

/** What HCL could take for something else, and what has to be escaped. */
const HOSTILE = [
  '${',
  '%{',
  '$${',
  '$$${',
  '%%{',
  '$',
  '%',
  '{',
  '}',
  '"',
  '\\',
  '\n',
  '\r\n',
  '\t',
  '\\u0041',
  '~',
  '#',
];

export const hclText: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary', maxLength: 4 }), fc.constant('a')), {
    maxLength: 6,
  })
  .map((parts) => parts.join(''));

export const hclIdentifier = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,14}$/);
const number = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }),
  fc.constantFrom(0, -0, 1e21, -2.5e-7),
);
const objectKey = fc.oneof(
  hclIdentifier,
  fc.stringMatching(/^[ -~]{1,12}$/).filter((key) => key !== '__proto__'),
  fc.constantFrom('for', 'null', 'true', 'a = "b"', '${x}'),
);

/** Values without references: what a parser gives back as it went in. */
export const hclValue: fc.Arbitrary<HclExpression> = fc.letrec<{ value: HclExpression }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    hclText,
    number,
    fc.boolean(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(objectKey, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

const reference = hclIdentifier.map((name) => ref(`var.${name}`));
/** Values, references, calls and templates, nested in each other. */
export const hclExpression: fc.Arbitrary<HclExpression> = fc.letrec<{ expression: HclExpression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    hclValue,
    reference,
    fc.array(fc.oneof(hclText, reference), { maxLength: 4 }).map((parts) => new HclTemplate(parts)),
    fc.array(tie('expression'), { maxLength: 3 }).map((args) => call('concat', ...args)),
    fc.array(tie('expression'), { maxLength: 4 }),
    fc.dictionary(objectKey, tie('expression'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).expression;

const attributes = fc.dictionary(hclIdentifier, hclExpression, { maxKeys: 6, noNullPrototype: true });

/** Whole files: attributes, and blocks that nest. */
export const hclBody: fc.Arbitrary<HclBody> = fc.letrec<{ body: HclBody }>((tie) => ({
  body: fc
    .array(
      fc.oneof(
        { maxDepth: 2, withCrossShrink: true },
        attributes,
        fc
          .tuple(hclIdentifier, fc.array(hclText, { maxLength: 2 }), tie('body'))
          .map(([type, labels, body]) => block(type, labels, ...body)),
      ),
      { maxLength: 4 },
    )
    .map(withDistinctNames),
})).body;

/** A block holds a name once. */
function withDistinctNames(body: HclBody): HclBody {
  return body.map((part, index) =>
    part instanceof HclBlock
      ? part
      : Object.fromEntries(Object.entries(part).map(([name, value]) => [`${name}-${index}`, value])),
  );
}
