import { Readable } from 'node:stream';
import fc from 'fast-check';
import { TerminalText } from '../../../src/process/terminal-text';

async function shown(pieces: readonly Buffer[]): Promise<string> {
  const text: Buffer[] = [];
  for await (const chunk of Readable.from(pieces).pipe(new TerminalText())) text.push(chunk as Buffer);
  return Buffer.concat(text).toString();
}

const GHC =
  '\r\n\u001b[;1mMain.hs:1:1: \u001b[31merror\u001b[0m: [\u001b]8;;https://errors.haskell.org/1\u001b\\GHC-1\u001b]8;;\u001b\\]\r\n';

test('what cabal and GHC write stays readable and coloured, however it is cut', async () => {
  const bytes = Buffer.from(`${GHC}ä 10 %\r 20 %`);
  for (let size = 1; size < 20; size++) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    );
    expect(await shown(pieces)).toBe('\r\n\u001b[;1mMain.hs:1:1: \u001b[31merror\u001b[0m: [GHC-1]\r\nä 10 %\r 20 %');
  }
});

test('of any bytes, in any pieces, no more than colours gets through', async () => {
  const hostile = fc.array(
    fc.oneof(
      fc.uint8Array(),
      fc.constantFrom(...Array.from('\u001b\u009b]0;[2Jm\u0007\\')).map((c) => Buffer.from(c)),
    ),
  );
  await fc.assert(
    fc.asyncProperty(hostile, async (pieces) => {
      const text = await shown(pieces.map((piece) => Buffer.from(piece)));
      // eslint-disable-next-line no-control-regex -- that is what a colour is
      expect(text.replace(/\u001b\[[\d;:]*m/g, '')).not.toMatch(/[^\P{Cc}\r\n\t]/u);
    }),
  );
});
