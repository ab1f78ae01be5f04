import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quoteArgv, quoteForShell } from '../../cli/ssh/quote';
import { run } from '../../process/run';

const SCRIPT = readFileSync(join(__dirname, '../../assets/cli/receive.sh'), 'utf8');

let root: string;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'buildfleet-receive-'));
  mkdirSync(join(root, '.buildfleet'));
  await run('mkfifo', [join(root, '.buildfleet/nap')]);
  mkdirSync(join(root, 'bin'));
  // Stands in for rsync: says what it was called with, what it reads, and who had the workspace when it began.
  writeFileSync(join(root, 'bin/rsync'), `#!/bin/sh\nprintf '<%s>' "$@"; cat; cat ${root}/.buildfleet/app.who\n`, {
    mode: 0o755,
  });
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

test.each(['bash', 'sh'])('rsync begins when the session is ready, with its input and arguments: %s', async (shell) => {
  const who = join(root, '.buildfleet/app.who');
  const command = `receive() { eval ${quoteForShell(SCRIPT)}; }; receive ${quoteArgv([root, 'app', 'right'])} --server '*.o' . /build/app/`;
  writeFileSync(who, 'somebody\n1700000000\nwrong\n');
  const waiting = spawn(shell, ['-c', command], {
    env: { ...process.env, PATH: `${join(root, 'bin')}:${process.env['PATH']}` },
  });
  const ended = new Promise((resolve) => waiting.once('close', resolve));
  let said = '';
  waiting.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  waiting.stdin.end('input|');
  // Half of a session's note is none.
  writeFileSync(who, 'we\n1700000001\n');
  writeFileSync(who, 'we\n1700000001\nright\n');
  expect(await ended).toBe(0);
  expect(said).toBe('<--server><*.o><.></build/app/>input|we\n1700000001\nright\n');
});
