import * as fc from 'fast-check';
import protobuf from 'protobufjs';
import { type Message, decodeMessage, encodeMessage } from '../../../../../src/provider/plugin/wire/protobuf';

const inner: Message = { text: { number: 1, type: 'string' }, level: { number: 3, type: 'enum' } };
const message: Message = {
  text: { number: 1, type: 'string' },
  blob: { number: 2, type: 'bytes' },
  flag: { number: 3, type: 'bool' },
  count: { number: 4, type: 'int64' },
  child: { number: 5, type: () => inner },
  children: { number: 16, type: () => inner, repeated: 'list' },
  byName: { number: 200, type: () => inner, repeated: 'map' },
};

/** The reference implementation, reading the same description. */
const reference = protobuf.parse(`
  syntax = "proto3";
  enum Level { A = 0; B = 1; C = 2; }
  message Inner { string text = 1; Level level = 3; }
  message Outer {
    string text = 1; bytes blob = 2; bool flag = 3; int64 count = 4; Inner child = 5;
    repeated Inner children = 16; map<string, Inner> byName = 200;
  }`);
const outer = reference.root.lookupType('Outer');

const innerValues = fc.record({ text: fc.string({ unit: 'grapheme' }), level: fc.integer({ min: 0, max: 2 }) });
const values = fc.record(
  {
    text: fc.string({ unit: 'grapheme', maxLength: 300 }),
    blob: fc.uint8Array(),
    flag: fc.boolean(),
    count: fc.oneof(fc.maxSafeInteger(), fc.integer()),
    child: innerValues,
    children: fc.array(innerValues, { maxLength: 4 }),
    // protobufjs itself loses a key of this name.
    byName: fc.dictionary(
      fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
      innerValues,
      { maxKeys: 4, noNullPrototype: true },
    ),
  },
  { requiredKeys: ['children', 'byName'] },
);

/** Proto3 does not write what equals the default, so absent and default are one. */
function withDefaults(value: Record<string, unknown>): unknown {
  const child = (entry: unknown) => ({ text: '', level: 0, ...(entry as object) });
  return {
    text: '',
    flag: false,
    count: 0,
    ...value,
    blob: Buffer.from((value['blob'] as Uint8Array | undefined) ?? []).toString('hex'),
    ...(value['child'] === undefined ? {} : { child: child(value['child']) }),
    children: (value['children'] as unknown[]).map(child),
    byName: Object.fromEntries(Object.entries(value['byName'] as object).map(([key, entry]) => [key, child(entry)])),
  };
}

test('the reference implementation reads what we write', () => {
  fc.assert(
    fc.property(values, (value) => {
      const decoded = outer.toObject(outer.decode(encodeMessage(message, value)), {
        longs: Number,
        enums: Number,
        arrays: true,
        objects: true,
      });
      expect(withDefaults(decoded)).toEqual(withDefaults(value));
    }),
  );
});

test('we read what the reference implementation writes', () => {
  fc.assert(
    fc.property(values, (value) => {
      const bytes = outer.encode(outer.fromObject(value)).finish();
      expect(withDefaults(decodeMessage(message, bytes))).toEqual(withDefaults(value));
    }),
  );
});

test('fields of newer clients are skipped', () => {
  const newer: Message = { ...inner, extra: { number: 99, type: 'string' }, more: { number: 98, type: 'int64' } };
  const bytes = encodeMessage(newer, { text: 'a', extra: 'b', more: 5 });
  expect(decodeMessage(inner, bytes)).toEqual({ text: 'a' });
});

test('damaged bytes are an error, never a hang or a wrong type', () => {
  expect(() => decodeMessage(message, Uint8Array.of(0x0a, 0x05, 0x41))).toThrow('ends inside a field');
  expect(() => decodeMessage(message, Uint8Array.of(0x80))).toThrow('ends inside a number');
  expect(() => decodeMessage(message, Uint8Array.of(0x08, 0x01))).toThrow('wire type');
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        decodeMessage(message, bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
  );
});
