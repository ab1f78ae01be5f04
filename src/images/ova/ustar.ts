const BLOCK = 512;
/** A ustar header has eleven octal digits for the size. */
export const USTAR_MAX_BYTES = 8 ** 11 - 1;

export interface UstarEntry {
  /** At most 100 bytes of ASCII, without a directory. */
  readonly name: string;
  /** At most {@link USTAR_MAX_BYTES}. */
  readonly sizeBytes: number;
  /** Seconds since 1970. */
  readonly modified: number;
}

/** The header before a file's content: a plain file of root's, 0644. */
export function ustarHeader({ name, sizeBytes, modified }: UstarEntry): Buffer {
  if (Buffer.byteLength(name) > 100 || sizeBytes > USTAR_MAX_BYTES)
    throw new RangeError(`${name} does not fit in ustar`);
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  const fields: readonly (readonly [offset: number, text: string])[] = [
    [0, name],
    [100, octal(0o644, 7)],
    [108, octal(0, 7)],
    [116, octal(0, 7)],
    [124, octal(sizeBytes, 11)],
    [136, octal(modified, 11)],
    // The checksum counts its own field as spaces.
    [148, ' '.repeat(8)],
    [156, '0'],
    [257, 'ustar\u000000'],
    [329, octal(0, 7)],
    [337, octal(0, 7)],
  ];
  for (const [offset, text] of fields) header.write(text, offset, 'latin1');
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${octal(checksum, 6)} `, 148, 'latin1');
  return header;
}

/** What fills up the last block of a file's content. */
export function ustarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}

/** What stands after the last file. */
export const USTAR_END = Buffer.alloc(2 * BLOCK);
