import fc from 'fast-check';
import { LineReader } from '../../../src/process/lines';
import { CommandError, run } from '../../../src/process/run';

const failureOf = (command: string, options: Parameters<typeof run>[2]) =>
  run('sh', ['-c', `exec ${command}`], { timeout: 60_000, ...options }).then(
    () => undefined,
    (error: unknown) => (error instanceof CommandError ? error : undefined),
  );

describe('a command that prints without end', () => {
  test.each([
    ['on stdout', 'cat /dev/zero'],
    ['on stderr', 'cat /dev/zero >&2'],
  ])('is ended at the limit, %s', async (_, command) => {
    const error = await failureOf(command, { limit: 2 ** 20 });
    expect(error).toMatchObject({ excess: 'more than 1 MiB', cancelled: false, timedOut: false });
    expect(error?.message).toMatch(/^command printed more than 1 MiB and was ended: sh -c /);
    expect(error!.stdout.length + error!.stderr.length).toBeLessThanOrEqual(2 ** 21);
  });

  test('has a limit where none is given', async () => {
    expect((await failureOf('cat /dev/zero', {}))?.excess).toBe('more than 64 MiB');
  });

  test('in one line is not told', async () => {
    const lines: string[] = [];
    const error = await failureOf('cat /dev/zero', { onLine: (line) => lines.push(line) });
    expect({ excess: error?.excess, lines }).toEqual({ excess: 'a line of more than 1 MiB', lines: [] });
  });

  test('and does not end when it is asked to, is killed', async () => {
    expect((await failureOf('sh -c "trap : TERM; cat /dev/zero; sleep 8"', { limit: 1000 }))?.excess).toBe(
      'more than 1000 bytes',
    );
  });
});

test('all that is printed within the limit is there', async () => {
  const { stdout, stderr } = await run('sh', ['-c', 'head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2']);
  expect([stdout.length, stderr.length]).toEqual([20_000_000, 20_000_000]);
});

test('a failure that printed megabytes of zeros, or of progress, is told', async () => {
  for (const source of ['/dev/zero', '/dev/zero | tr "\\0" "\\r"']) {
    const error = await failureOf(`sh -c 'head -c 20000000 ${source}; exit 3'`, {});
    expect(error?.exitCode).toBe(3);
  }
});

test('lines of both streams are told, the last one without an end, too', async () => {
  const lines: string[] = [];
  await run('sh', ['-c', 'printf "one\\r\\ntwo\\n\\nlast"; printf error >&2'], { onLine: (line) => lines.push(line) });
  expect(lines.sort()).toEqual(['', 'error', 'last', 'one', 'two']);
});

test('lines come whole, however they are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom('a', 'ä', '😀', ' ') })),
      fc.integer({ min: 1, max: 5 }),
      (all, size) => {
        const lines = [...all, 'end'];
        const told: string[] = [];
        const reader = new LineReader(
          (line) => told.push(line),
          () => undefined,
        );
        const bytes = Buffer.from(lines.join('\n'));
        for (let at = 0; at < bytes.length; at += size) reader.take(bytes.subarray(at, at + size));
        reader.end();
        expect(told).toEqual(lines);
      },
    ),
  );
});
