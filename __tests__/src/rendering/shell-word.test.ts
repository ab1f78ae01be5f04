import fc from 'fast-check';
import { shellWord, shellWords } from '../../../src/rendering/shell-word';
import { run } from '../../../src/process/run';

/** Anything but a zero byte and half a character, which no argument can hold. */
const argument = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: fc.constantFrom(...Array.from(`'"\\ \n\t$\`!*?[]{}()<>|&;#~=-%^,:éß`)), maxLength: 12 }),
  )
  .map((text) => Buffer.from(text.replaceAll('\0', '')).toString());

describe('shellWords', () => {
  // One shell for many argument lists: what is tested is the shell's reading, not how fast it starts.
  test.each(['sh', 'bash'])('is read by %s as the very same arguments', async (shell) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(argument, { minLength: 1, maxLength: 5 }), { minLength: 20, maxLength: 20 }),
        async (lists) => {
          const script = lists.map((argv) => `printf '%s\\0' ${shellWords(argv)}; printf '\\0END\\0'`).join('\n');
          const { stdout } = await run(shell, ['-c', script]);
          const read = stdout
            .split('\0\0END\0')
            .slice(0, -1)
            .map((text) => text.split('\0'));
          expect(read).toEqual(lists);
        },
      ),
      { numRuns: 15 },
    );
  });

  test('leaves plain words readable', () => {
    expect(shellWords(['ghc', '--version', '/build/app-1.0', '-O2'])).toBe('ghc --version /build/app-1.0 -O2');
  });

  test.each([
    ['', "''"],
    ['~', "'~'"],
    ['A=b', "'A=b'"],
    ["it's", "'it'\\''s'"],
  ])('quotes %j', (text, quoted) => {
    expect(shellWord(text)).toBe(quoted);
  });
});
