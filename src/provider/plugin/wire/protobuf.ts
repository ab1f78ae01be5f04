/*
 * Protocol Buffers for one protocol. A general library costs 25 ms per start of the process, and Terraform starts a
 * provider several times per plan; messages described by plain tables cost nothing until one is used.
 */

type Scalar = 'string' | 'bytes' | 'bool' | 'int64' | 'enum';

/** One field of a message: its number, its type (a thunk for a message, so that tables may refer to each other). */
export interface Field {
  readonly number: number;
  readonly type: Scalar | (() => Message);
  /** `map` is a map from strings. */
  readonly repeated?: 'list' | 'map';
}

/** A message type: field names are those of the `.proto` file in camelCase. */
export type Message = Readonly<Record<string, Field>>;

/** A decoded message, or one to be encoded. Absent fields are undefined, lists and maps empty. */
export type Decoded = Record<string, unknown>;

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** Encodes the fields of `value` that `message` knows; undefined and proto3 default values are left out. */
export function encodeMessage(message: Message, value: Readonly<Record<string, unknown>>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [name, field] of Object.entries(message)) {
    const content = value[name];
    if (content === undefined || content === null) continue;
    if (field.repeated === 'list') {
      for (const item of content as readonly unknown[]) encodeField(parts, field, item);
    } else if (field.repeated === 'map') {
      for (const [key, item] of Object.entries(content as Record<string, unknown>)) {
        const entry: Uint8Array[] = [];
        encodeField(entry, { number: 1, type: 'string' }, key);
        encodeField(entry, { number: 2, type: field.type }, item);
        pushDelimited(parts, field.number, Buffer.concat(entry));
      }
    } else if (content !== false && content !== 0 && content !== '') {
      encodeField(parts, field, content);
    }
  }
  return Buffer.concat(parts);
}

function encodeField(parts: Uint8Array[], field: Field, value: unknown): void {
  switch (field.type) {
    case 'string':
      pushDelimited(parts, field.number, Buffer.from(value as string, 'utf8'));
      return;
    case 'bytes':
      pushDelimited(parts, field.number, value as Uint8Array);
      return;
    case 'bool':
      parts.push(varint((field.number << 3) | VARINT), varint(value === true ? 1 : 0));
      return;
    case 'int64':
    case 'enum':
      parts.push(varint((field.number << 3) | VARINT), varint(value as number));
      return;
    default:
      pushDelimited(parts, field.number, encodeMessage(field.type(), value as Decoded));
  }
}

function pushDelimited(parts: Uint8Array[], number: number, content: Uint8Array): void {
  parts.push(varint((number << 3) | LENGTH_DELIMITED), varint(content.length), content);
}

/** Negative numbers take ten bytes, as the format wants it (two's complement in 64 bits). */
function varint(value: number): Uint8Array {
  const small = SMALL_VARINTS[value];
  if (small) return small;
  const bytes: number[] = [];
  if (value >= 0 && value <= 0x7fffffff) {
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
    bytes.push(rest);
  } else {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
  }
  return Uint8Array.from(bytes);
}

const SMALL_VARINTS = Array.from({ length: 0x80 }, (_, value) => Uint8Array.of(value));

interface FieldTable {
  readonly byNumber: ReadonlyMap<number, { readonly name: string; readonly field: Field }>;
  readonly lists: readonly string[];
  readonly maps: readonly string[];
}

const tables = new WeakMap<Message, FieldTable>();

function tableOf(message: Message): FieldTable {
  let table = tables.get(message);
  if (!table) {
    const fields = Object.entries(message);
    table = {
      byNumber: new Map(fields.map(([name, field]) => [field.number, { name, field }])),
      lists: fields.filter(([, field]) => field.repeated === 'list').map(([name]) => name),
      maps: fields.filter(([, field]) => field.repeated === 'map').map(([name]) => name),
    };
    tables.set(message, table);
  }
  return table;
}

/**
 * Decodes one message. Unknown fields are skipped, so that newer clients are understood.
 *
 * @throws Error when the bytes are no message.
 */
export function decodeMessage(message: Message, bytes: Uint8Array): Decoded {
  const { byNumber, lists, maps } = tableOf(message);
  const result: Decoded = {};
  for (const name of lists) result[name] = [];
  for (const name of maps) result[name] = {};
  const reader = new Reader(bytes);
  while (!reader.atEnd) {
    const tag = reader.varint();
    const known = byNumber.get(tag >>> 3);
    if (!known) {
      reader.skip(tag & 7);
      continue;
    }
    const value = known.field.repeated === 'map' ? reader.delimited() : decodeField(reader, known.field, tag & 7);
    if (known.field.repeated === 'list') {
      (result[known.name] as unknown[]).push(value);
    } else if (known.field.repeated === 'map') {
      const entry = decodeMessage(
        { key: { number: 1, type: 'string' }, value: { number: 2, type: known.field.type } },
        value as Uint8Array,
      );
      (result[known.name] as Decoded)[(entry['key'] as string | undefined) ?? ''] = entry['value'];
    } else {
      result[known.name] = value;
    }
  }
  return result;
}

function decodeField(reader: Reader, field: Field, wireType: number): unknown {
  const expected = field.type === 'bool' || field.type === 'int64' || field.type === 'enum' ? VARINT : LENGTH_DELIMITED;
  if (wireType !== expected) throw new Error(`field ${field.number} has wire type ${wireType}, expected ${expected}`);
  switch (field.type) {
    case 'string':
      return text(reader.delimited());
    case 'bytes':
      return reader.delimited();
    case 'bool':
      return reader.varint() !== 0;
    case 'int64':
    case 'enum':
      return reader.varint();
    default:
      return decodeMessage(field.type(), reader.delimited());
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

class Reader {
  private position = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get atEnd(): boolean {
    return this.position >= this.bytes.length;
  }

  /** Nothing in this protocol exceeds 2^53. */
  varint(): number {
    const start = this.position;
    let small = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.next();
      small |= (byte & 0x7f) << shift;
      if (byte < 0x80) return small;
    }
    this.position = start;
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.next();
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, result));
    }
    throw new Error('number has more than ten bytes');
  }

  private next(): number {
    const byte = this.bytes[this.position++];
    if (byte === undefined) throw new Error('message ends inside a number');
    return byte;
  }

  delimited(): Uint8Array {
    const length = this.varint();
    if (length < 0 || this.position + length > this.bytes.length) throw new Error('message ends inside a field');
    const start = this.position;
    this.position += length;
    return this.bytes.subarray(start, this.position);
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.varint();
    else if (wireType === LENGTH_DELIMITED) this.delimited();
    else if (wireType === 1) this.position += 8;
    else if (wireType === 5) this.position += 4;
    else throw new Error(`unknown wire type ${wireType}`);
    if (this.position > this.bytes.length) throw new Error('message ends inside a field');
  }
}
