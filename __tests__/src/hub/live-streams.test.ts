import { LiveStreams, REFRESH_MS, STREAM_LIMIT } from '../../../src/hub/live-streams';

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

/** Takes every message of a stream as it comes, as a browser does. */
function listen(stream: ReadableStream<Uint8Array> | undefined) {
  if (stream === undefined) throw new Error('no stream');
  const reader = stream.getReader();
  const heard = { text: '', ended: false, leave: () => reader.cancel() };
  const take = async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      heard.text += new TextDecoder().decode(value);
    }
    heard.ended = true;
  };
  void take();
  return heard;
}

const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

it('begins with the present state, and tells each change once', async () => {
  let state = 'one';
  const live = new LiveStreams(() => state);
  const heard = listen(live.open());
  await pass(0);
  expect(heard.text).toMatch(/^retry: \d+\nevent: fleet\ndata: one\n\n$/);
  state = 'two';
  live.changed();
  live.changed();
  await pass(500);
  expect(heard.text.match(/data: two/g)).toHaveLength(1);
});

it('sends lines, however they end, as one message', async () => {
  const live = new LiveStreams(() => 'a\nb\r\nevent: x\rc');
  const heard = listen(live.open());
  await pass(0);
  expect(heard.text).toContain('event: fleet\ndata: a\ndata: b\ndata: event: x\ndata: c\n\n');
});

it('renders once for all, soon after the first change and not after each', async () => {
  const render = jest.fn(() => 'state');
  const live = new LiveStreams(render);
  const all = Array.from({ length: 5 }, () => listen(live.open()));
  await pass(0);
  render.mockClear();
  for (let n = 0; n < 100; n += 1) {
    live.changed();
    await pass(10);
  }
  expect(render.mock.calls.length).toBeGreaterThan(1);
  expect(render.mock.calls.length).toBeLessThan(6);
  const counts = all.map(({ text }) => text.match(/event: fleet/g)?.length);
  expect(new Set(counts)).toEqual(new Set([render.mock.calls.length + 1]));
});

it('sends the state now and then without a change, and does nothing without a client', async () => {
  const render = jest.fn(() => 'state');
  const live = new LiveStreams(render);
  live.changed();
  await pass(10 * REFRESH_MS);
  expect(render).not.toHaveBeenCalled();
  const heard = listen(live.open());
  await pass(3 * REFRESH_MS);
  expect(heard.text.match(/event: fleet/g)).toHaveLength(4);
  live.changed();
  await heard.leave();
  expect([live.size, jest.getTimerCount()]).toEqual([0, 0]);
  await pass(10 * REFRESH_MS);
  expect(render).toHaveBeenCalledTimes(4);
});

it('serves so many and no more, until one goes away', async () => {
  const live = new LiveStreams(() => 'state');
  const all = Array.from({ length: STREAM_LIMIT }, () => listen(live.open()));
  expect(live.open()).toBeUndefined();
  await all[7]?.leave();
  expect(live.size).toBe(STREAM_LIMIT - 1);
  expect(live.open()).toBeDefined();
  expect(live.open()).toBeUndefined();
});

it('queues nothing for a client that does not listen, and forgets it', async () => {
  const live = new LiveStreams(() => 'state');
  const stream = live.open();
  const listener = listen(live.open());
  for (let n = 0; n < 20; n += 1) {
    live.changed();
    await pass(1000);
  }
  expect(live.size).toBe(2);
  await pass(60_000);
  expect(live.size).toBe(1);
  expect(listener.ended).toBe(false);
  const left = listen(stream);
  await pass(0);
  expect([left.text.match(/event: fleet/g)?.length, left.ended]).toEqual([1, true]);
});

it('ends all streams when it is told to, and begins none any more', async () => {
  const stop = new AbortController();
  const live = new LiveStreams(() => 'state', stop.signal);
  const heard = listen(live.open());
  stop.abort();
  await pass(0);
  expect([heard.ended, live.size, jest.getTimerCount()]).toEqual([true, 0, 0]);
  expect(live.open()).toBeUndefined();
});

it('ends the streams when the state cannot be read', async () => {
  let fails = false;
  const live = new LiveStreams(() => {
    if (fails) throw new Error('disk on fire');
    return 'state';
  });
  const heard = listen(live.open());
  await pass(0);
  fails = true;
  live.changed();
  await pass(500);
  expect([heard.ended, live.size]).toEqual([true, 0]);
});
