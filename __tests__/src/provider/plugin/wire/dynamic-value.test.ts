import * as fc from 'fast-check';
import {
  Unknown,
  type WireValue,
  decodeValue,
  encodeValue,
} from '../../../../../src/provider/plugin/wire/dynamic-value';

test('values survive the way to Terraform and back', () => {
  const leaf = fc.oneof(
    fc.constant(null),
    fc.string({ unit: 'grapheme' }),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
    fc.boolean(),
    fc.constant(Unknown.value),
  );
  const { tree } = fc.letrec<{ tree: WireValue }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(
        fc.string().filter((key) => key !== '__proto__'),
        tie('tree'),
        { maxKeys: 4, noNullPrototype: true },
      ),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      expect(decodeValue(encodeValue(value))).toEqual(value);
    }),
  );
});

test('an unknown value has the bytes that cty writes, and one with refinements is understood', () => {
  expect(Buffer.from(encodeValue(Unknown.value).msgpack!).toString('hex')).toBe('d40000');
  // extension 12: a map that says "not null"
  expect(decodeValue({ msgpack: Buffer.from('c7030c8101c2', 'hex') })).toBe(Unknown.value);
});

test('an absent value is null, and JSON is understood', () => {
  expect(decodeValue(undefined)).toBeNull();
  expect(decodeValue({ json: Buffer.from('{"a":[1]}') })).toEqual({ a: [1] });
});
