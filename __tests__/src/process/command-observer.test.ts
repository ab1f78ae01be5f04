import { observeCommands } from '../../../src/process/command-observer';
import { run } from '../../../src/process/run';

test('a listener is told of the commands of its own work, and of no others', async () => {
  const one: string[][] = [];
  const other: string[][] = [];

  await Promise.all([
    observeCommands(
      (argv) => one.push([...argv]),
      async () => {
        await run('true', []);
        await run('echo', ['one']);
      },
    ),
    observeCommands(
      (argv) => other.push([...argv]),
      () => run('echo', ['other']),
    ),
    run('echo', ['nobody']),
  ]);

  expect(one).toEqual([['true'], ['echo', 'one']]);
  expect(other).toEqual([['echo', 'other']]);
});
