import { FleetError } from '../../../../src/model/errors';
import { buildOnSave } from '../../../../src/cli/work/build-on-save';
import { until } from '../../../support/until';

/** A watch whose saves and builds are ours. */
function watching() {
  const messages: string[] = [];
  const say = (text: string) => void messages.push(text.replace(/\d+\.\d s/, 'N s'));
  const stop = new AbortController();
  const builds: { signal: AbortSignal; end: (code: number) => void; fail: (error: Error) => void }[] = [];
  let save: (paths: readonly string[]) => void = () => undefined;
  let isClosed = false;
  const ended = buildOnSave({
    terminal: { message: say, error: say, json: false } as never,
    signal: stop.signal,
    watch: (onChange) => {
      save = onChange;
      return Promise.resolve(() => {
        isClosed = true;
        return Promise.resolve();
      });
    },
    build: (signal) =>
      new Promise((end, fail) => {
        builds.push({ signal, end, fail });
      }),
  });
  const started = (count: number) => until(`build ${count}`, 5, () => builds.length === count);
  const said = (text: string) => until(text, 5, () => messages.some((line) => line.startsWith(text)));
  return {
    messages,
    stop,
    builds,
    ended,
    started,
    said,
    save: (...paths: string[]) => {
      save(paths);
    },
    isClosed: () => isClosed,
  };
}

test('a save begins a build, and cancels the one that runs', async () => {
  const { messages, stop, builds, ended, started, said, save, isClosed } = watching();
  await started(1);
  save('A.hs', 'B.hs', 'A.hs');
  expect(builds[0]!.signal.aborted).toBe(true);
  // Its end comes late, and says nothing.
  builds[0]!.end(3);
  await started(2);
  builds[1]!.end(0);
  await said('done');
  save('src/A\u001b.hs');
  await started(3);
  builds[2]!.end(1);
  await said('failed');
  stop.abort();
  expect(await ended).toBe(1);
  expect(isClosed()).toBe(true);
  expect(messages).toEqual([
    '2 files changed',
    'done after N s; waiting for a change, Ctrl-C ends',
    'src/A\\u{1b}.hs changed',
    'failed with exit code 1 after N s; waiting for a change, Ctrl-C ends',
  ]);
});

test('Ctrl-C during a build gives the code of the one before, and of none its own', async () => {
  const first = watching();
  await first.started(1);
  first.stop.abort();
  first.builds[0]!.end(143);
  expect(await first.ended).toBe(130);
  const second = watching();
  await second.started(1);
  second.builds[0]!.end(7);
  await second.said('failed');
  second.save('A.hs');
  await second.started(2);
  second.stop.abort();
  second.builds[1]!.fail(new Error('cut off'));
  expect(await second.ended).toBe(7);
});

test('what can be mended is told and tried again, and nothing else', async () => {
  const lost = new FleetError({ code: 'connection-lost', problem: 'lost', remedy: 'wait' });
  const { stop, builds, ended, started, said, save } = watching();
  await started(1);
  builds[0]!.fail(lost);
  await said('buildfleet: lost: wait');
  save('A.hs');
  await started(2);
  builds[1]!.end(0);
  await said('done');
  stop.abort();
  expect(await ended).toBe(0);
  for (const error of [new FleetError({ code: 'vm-unknown', problem: 'no', remedy: 'x' }), new TypeError('defect')]) {
    const other = watching();
    await other.started(1);
    other.builds[0]!.fail(error);
    await expect(other.ended).rejects.toBe(error);
    expect(other.isClosed()).toBe(true);
  }
});
