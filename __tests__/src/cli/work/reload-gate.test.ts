import * as fc from 'fast-check';
import { ReloadGate } from '../../../../src/cli/work/reload-gate';

/** What comes out, with `<fresh>` where the sources were waited for. */
async function through(pieces: readonly Uint8Array[]): Promise<Buffer> {
  const all: Buffer[] = [];
  const gate = new ReloadGate(() => {
    all.push(Buffer.from('<fresh>'));
    return Promise.reject(new Error('a failure is told elsewhere'));
  });
  gate.on('data', (chunk: Buffer) => all.push(chunk));
  const ended = new Promise((resolve) => gate.once('end', resolve));
  for (const piece of pieces) gate.write(piece);
  gate.end();
  await ended;
  return Buffer.concat(all);
}

const text = async (...pieces: string[]) => (await through(pieces.map((piece) => Buffer.from(piece)))).toString();

test.each([':r\n', ':reload\n', '  :l Main\n', ':load! Main\n', ':add X\n', ':reload\r\n', ':r'])(
  '%j waits',
  async (line) => {
    expect(await text(line)).toBe(`<fresh>${line}`);
  },
);

test.each([':show modules\n', 'main\n', ':run main\n', ':t reload\n', 'x :r\n', ':\n', '\n'])(
  '%j does not',
  async (line) => {
    expect(await text(line)).toBe(line);
  },
);

test('a command may come in pieces, between others', async () => {
  expect(await text('ma', 'in\n:re', 'load\n', ':q\n')).toBe('main\n<fresh>:reload\n:q\n');
});

test('every byte passes, in its order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array()), async (pieces) => {
      const out = (await through(pieces)).toString('latin1').replaceAll('<fresh>', '');
      expect(out).toBe(Buffer.concat(pieces).toString('latin1'));
    }),
  );
});
