import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { printable } from '../../../model/printable';

/** Bytes at the end of a log that are looked at: enough for the lines shown, however large the log. */
const TAIL_BYTES = 32 * 1024;

/**
 * The last lines of a serial console as text: escape sequences and control characters gone, overwritten parts of a line
 * dropped, empty lines left out.
 */
export function cleanConsole(raw: string, count: number): string[] {
  // A log that was cut while a program wrote on at its own offset has a hole, which reads as NULs.
  const lines = printable(raw.replaceAll('\0', ''), (sequence) => sequence.startsWith('\r'))
    .replace(/\r+\n/g, '\n')
    .split('\n')
    .map((line) => line.slice(line.lastIndexOf('\r') + 1).trimEnd())
    .filter((line) => line !== '');
  return count > 0 ? lines.slice(-count) : [];
}

/** Reads the last lines of a log; none when there is no log. */
export function consoleTail(path: string, count = 40): string[] {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const length = readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return cleanConsole(buffer.subarray(0, length).toString('utf8'), count);
  } finally {
    closeSync(file);
  }
}
