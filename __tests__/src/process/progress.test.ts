import type { Amount } from '../../../src/model/journal';
import { percentReporter, reportAmount, reportStep, watchProgress } from '../../../src/process/progress';
import { CommandError, run } from '../../../src/process/run';

function watched() {
  const steps: string[] = [];
  const amounts: Amount[] = [];
  const progress = { step: (text: string) => steps.push(text), amount: (amount: Amount) => amounts.push(amount) };
  return { steps, amounts, progress };
}

test('progress goes to the watcher above it, and to no other', async () => {
  const [one, other] = [watched(), watched()];
  const work = async (text: string) => {
    await Promise.resolve();
    reportStep(text);
  };
  await Promise.all([
    watchProgress(one.progress, () => work('one')),
    watchProgress(other.progress, () => work('other')),
    work('unwatched'),
  ]);
  reportAmount({ done: 1, total: 2, unit: 'bytes' });
  expect([one.steps, other.steps]).toEqual([['one'], ['other']]);
  expect(one.amounts).toEqual([]);
});

test.each([
  ['qemu-img', '    (0.00/100%)\r    (52.31/100%)\r', [52.31]],
  ['VBoxManage', '0%...10%...20%...', [20]],
  ['a percentage of something that grows', '400%', [100]],
  ['nothing', 'Converting', []],
])('percentages of %s', (_, text, expected) => {
  const { progress, amounts } = watched();
  watchProgress(progress, () => {
    percentReporter()(text);
  });
  expect(amounts.map(({ done }) => done)).toEqual(expected);
});

test('a command says how far it is while it runs, and its error leaves out what was written over', async () => {
  const { progress, amounts } = watched();
  const script = 'printf "    (10.00/100%%)\\r    (20.00/100%%)\\r"; echo "no space" >&2; exit 1';
  const failed = await watchProgress(progress, () =>
    run('sh', ['-c', script], { onText: percentReporter() }).catch((error: unknown) => error),
  );
  expect(amounts.at(-1)).toEqual({ done: 20, total: 100, unit: 'percent' });
  expect(failed).toBeInstanceOf(CommandError);
  expect((failed as CommandError).message).toMatch(/^command failed with exit code 1: sh -c .*\nno space\n+ *\(20\.00/);
});
