import { once } from 'node:events';
import * as fc from 'fast-check';
import { LineChanges } from '../../../src/process/line-changes';

async function through(change: (line: string) => string, pieces: readonly Uint8Array[]): Promise<Buffer> {
  const stream = new LineChanges(change);
  const all: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => all.push(chunk));
  const ended = new Promise((resolve) => stream.once('end', resolve));
  for (const piece of pieces) stream.write(piece);
  stream.end();
  await ended;
  return Buffer.concat(all);
}

describe('LineChanges', () => {
  test('every byte passes that is not changed, in any pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array()), async (pieces) => {
        expect(await through((line) => line, pieces)).toEqual(Buffer.concat(pieces));
      }),
    );
  });

  test('a line is changed as a whole, also where it comes in pieces, and the last one without its end', async () => {
    const pieces = ['on', 'e\r\ntwo\nth', 'ree'].map((text) => Buffer.from(text));
    expect((await through((line) => `<${line}>`, pieces)).toString()).toBe('<one\r>\n<two>\n<three>');
  });

  test('a begin of a line without its rest is shown soon', async () => {
    const stream = new LineChanges((line) => line.toUpperCase());
    const next = () => once(stream, 'data').then(([chunk]) => (chunk as Buffer).toString());
    const first = next();
    stream.write('prompt> ');
    expect(await first).toBe('prompt> ');
    const rest = next();
    stream.write('typed\n');
    expect(await rest).toBe('typed\n');
  });
});
