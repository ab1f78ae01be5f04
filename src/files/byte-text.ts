import { readFileSync } from 'node:fs';

/** Text as it stands in a file, every character one byte, so that what is not UTF-8 survives. */
export function byteText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The bytes that {@link byteText} stands for. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** What a file holds, every byte one character; null when there is none. */
export function readByteText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
