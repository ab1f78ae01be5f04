import { ExtensionCodec, decode, encode } from '@msgpack/msgpack';
import type { DynamicValue } from './protocol';

/** A value that is only known after apply. There is one instance. */
export class Unknown {
  private constructor() {}

  static readonly value = new Unknown();
}

/** A value as Terraform sees it: objects and maps by their wire keys, null for what is absent. */
export type WireValue =
  null | string | number | boolean | Unknown | readonly WireValue[] | { readonly [key: string]: WireValue };

/** cty writes an unknown value as extension 0, one with known properties ("refined") as 12; the properties are dropped. */
const UNKNOWN = 0;
const REFINED_UNKNOWN = 12;

const extensionCodec = new ExtensionCodec();
extensionCodec.register({
  type: UNKNOWN,
  encode: (value) => (value instanceof Unknown ? new Uint8Array(1) : null),
  decode: () => Unknown.value,
});
extensionCodec.register({ type: REFINED_UNKNOWN, encode: () => null, decode: () => Unknown.value });

/** @throws Error when the bytes are no msgpack. */
export function decodeValue(value: DynamicValue | undefined): WireValue {
  if (!value?.msgpack) return value?.json ? (JSON.parse(Buffer.from(value.json).toString('utf8')) as WireValue) : null;
  return decode(value.msgpack, { extensionCodec }) as WireValue;
}

export function encodeValue(value: WireValue): DynamicValue {
  return { msgpack: encode(value, { extensionCodec }) };
}
