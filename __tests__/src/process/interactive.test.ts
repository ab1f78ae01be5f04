import { runInteractive } from '../../../src/process/interactive';

const WAITING = ['-c', 'read -r line || exit 7; [ -z "$line" ] && exit 3'];

test('a command that is started ahead begins when it may', async () => {
  let begin: () => void = () => undefined;
  const ended = runInteractive('sh', WAITING, { after: new Promise<void>((resolve) => (begin = resolve)) });
  begin();
  expect(await ended).toEqual({ exitCode: 3 });
});

test('a command that is started ahead and may not begin sees the end of its input', async () => {
  expect(await runInteractive('sh', WAITING, { after: Promise.reject(new Error('never')) })).toEqual({ exitCode: 7 });
});

test('commands that are run one after the other leave no listeners behind', async () => {
  const streams = [process.stdout, process.stderr];
  const count = () => streams.flatMap((one) => one.eventNames().map((name) => [name, one.listenerCount(name)]));
  const before = count();
  for (let build = 0; build < 3; build++)
    await runInteractive('true', [], { isText: true, changeLine: (line) => line });
  expect(count()).toEqual(before);
});

test('a command that is killed is not waited for because its output is open elsewhere', async () => {
  // As an ssh leaves it in the one whose connection it shares.
  const script = 'sleep 30 & kill -9 $$';
  const began = Date.now();
  const end = await runInteractive('sh', ['-c', script], { isText: true, changeLine: (line) => line });
  expect(end).toEqual({ exitCode: 137, endedBy: 'SIGKILL' });
  expect(Date.now() - began).toBeLessThan(20_000);
});
