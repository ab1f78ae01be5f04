import { createServer } from 'node:http';
import { join } from 'node:path';
import { createHubClient } from '../../../../src/hub/client';
import { runHub } from '../../../../src/hub/run';
import type { capabilityShape } from '../../../../src/model/resources/capability';
import type { State } from '../../../../src/model/resource-shape';
import { capabilityResource } from '../../../../src/provider/resources/capability';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { recordingContext } from './support/context';

let directory: string;
let hubUrl: string;
let stopHub: () => Promise<void>;

beforeEach(async () => {
  directory = temporaryDirectory();
  const stop = new AbortController();
  await new Promise<void>((listening, failed) => {
    const running = runHub({
      host: '127.0.0.1',
      port: 0,
      database: join(directory, 'hub.sqlite'),
      signal: stop.signal,
      onListening: ({ url }) => {
        hubUrl = url;
        listening();
      },
    });
    running.catch(failed);
    stopHub = () => {
      stop.abort();
      return running;
    };
  });
});
afterEach(async () => {
  await stopHub();
});

const handler = capabilityResource();
const planned = () => ({
  hubUrl,
  domain: 'railiance',
  capabilityType: 'haskell-build-agent',
  title: 'Type',
  description: 'What it is',
  keywords: ['type-definition', 'qemu'],
  id: undefined,
});
const create = () => handler.create(planned(), recordingContext<typeof capabilityShape>());
const read = (state: State<typeof capabilityShape>, context = recordingContext<typeof capabilityShape>()) =>
  handler.read(state, context);

test('one entry, however often it is created', async () => {
  const state = await create();
  expect(await create()).toEqual(state);
  expect(await read(state)).toEqual(state);
  expect(
    await createHubClient({ url: hubUrl }).list({ domain: 'railiance', capabilityType: 'haskell-build-agent' }),
  ).toHaveLength(1);
});

test('an edited entry is drift and put right, a missing one is gone', async () => {
  const state = await create();
  const client = createHubClient({ url: hubUrl });
  await client.update(state.id, { description: 'edited', keywords: ['qemu', 'type-definition'] });
  const found = (await read(state))!;
  expect(found).toMatchObject({ description: 'edited', id: state.id });
  expect(await handler.update!(found, { ...planned(), id: state.id }, recordingContext())).toEqual(state);
  expect(await read(state)).toEqual(state);
  await client.remove(state.id);
  expect(await read(state)).toBeNull();
});

test('another order of the keywords is no drift', async () => {
  const state = await create();
  await createHubClient({ url: hubUrl }).update(state.id, { keywords: ['qemu', 'type-definition'] });
  expect(await read(state)).toEqual(state);
});

test('a dead hub stops neither plan nor destroy, and both say so', async () => {
  const state = await create();
  await stopHub();
  const context = recordingContext<typeof capabilityShape>();
  expect(await read(state, context)).toEqual(state);
  await handler.delete(state, context);
  expect(context.warnings).toHaveLength(2);
  expect(context.warnings.join()).toContain(hubUrl);
  await expect(create()).rejects.toMatchObject({ code: 'hub-refused' });
});

test('a hub of this machine that answers nonsense does not stop a destroy, which says so', async () => {
  const state = await create();
  const server = createServer((_request, response) => response.end('nonsense'));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  try {
    const context = recordingContext<typeof capabilityShape>();
    await handler.delete({ ...state, hubUrl: url }, context);
    expect(context.warnings.join()).toContain(`nothing was deleted from ${url}`);
  } finally {
    await new Promise((closed) => server.close(closed));
  }
});

test('destroy removes it, twice if need be', async () => {
  const state = await create();
  await handler.delete(state, recordingContext());
  expect(await read(state)).toBeNull();
  await handler.delete(state, recordingContext());
});

test('another hub gives another id', () => {
  const state = { ...planned(), id: '1' };
  expect(handler.plan!(state, { ...state, hubUrl: 'http://127.0.0.1:1' }).unknown).toEqual(['id']);
  expect(handler.plan!(state, { ...state, description: 'new' }).unknown).toEqual([]);
});

test('can be imported', async () => {
  const state = await create();
  expect(await handler.import!(`${hubUrl} railiance haskell-build-agent Type`, recordingContext())).toEqual(state);
  await expect(handler.import!('nonsense', recordingContext())).rejects.toMatchObject({ code: 'capability-missing' });
});
