import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hold } from '../../../src/process/held';
import { run } from '../../../src/process/run';
import { temporaryDirectory } from '../../support/temporary-directory';

const directory = temporaryDirectory();

test('a released command has ended when its release is over', async () => {
  const file = join(directory, 'released');
  const { signal } = new AbortController();
  const lines: string[] = [];
  const command = hold('sh', ['-c', `echo ready; read -r _; echo over >${file}`], {
    signal,
    onLine: (line) => lines.push(line),
  });
  expect(existsSync(file)).toBe(false);
  await command.release();
  expect({ lines, text: readFileSync(file, 'utf8') }).toEqual({ lines: ['ready'], text: 'over\n' });
});

test.each([
  ['in lines', 'yes'],
  ['in one line', 'tr "\\\\0" x </dev/zero'],
  ['as errors', 'yes >&2'],
])('a command that says without end, %s, is ended', async (_, endless) => {
  let told = 0;
  const { signal } = new AbortController();
  const command = hold('sh', ['-c', `exec ${endless}`], { signal, onLine: (line) => (told += line.length) });
  expect((await command.ended).excess).toMatch(/^(a line of )?more than 1 MiB$/);
  expect(told).toBeLessThanOrEqual(2 ** 20);
});

test('a process that lets a command go does not wait for it, and leaves it alone', async () => {
  const [fifo, file] = [join(directory, 'fifo'), join(directory, 'left')];
  await run('mkfifo', [fifo]);
  const command = `echo ready; read -r _; read -r word <${fifo}; echo "$word" >${file}`;
  const program = `const { hold } = require('./src/process/held');
const held = hold('sh', ['-c', process.argv[1]], { signal: new AbortController().signal, onLine: () => held.letGo() });`;
  const options = { cwd: join(__dirname, '../../..'), timeout: 60_000 };
  await run(process.execPath, ['-r', './scripts/ts-node.cjs', '-e', program, command], options);
  expect(existsSync(file)).toBe(false);
  // To open the other end succeeds only if the command is still there.
  await run('timeout', ['10', 'sh', '-c', `echo word >${fifo}; until [ -s ${file} ]; do sleep 0.05; done`]);
  expect(readFileSync(file, 'utf8')).toBe('word\n');
});
