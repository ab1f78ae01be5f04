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
