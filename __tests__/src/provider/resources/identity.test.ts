import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { identityShape } from '../../../../src/model/resources/identity';
import type { Planned } from '../../../../src/model/resource-shape';
import { run, type Run } from '../../../../src/process/run';
import { identityResource } from '../../../../src/provider/resources/identity';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { recordingContext } from './support/context';

let home: string;
let stateDirectory: string;
let directory: string;
beforeEach(() => {
  home = temporaryDirectory();
  stateDirectory = join(home, 'state');
  directory = join(stateDirectory, 'identities/haskell-build-alpha');
});
const handlerWith = (runner: Run = run) =>
  identityResource({ fleet: 'test', stateDirectory, cacheDirectory: null }, runner);
const planned: Planned<typeof identityShape> = {
  vmName: 'haskell-build-alpha',
  files: 'intact',
  tunnelPublicKey: undefined,
  tunnelFingerprint: undefined,
  hostPublicKey: undefined,
  hostFingerprint: undefined,
};
const mode = (name: string) => (statSync(join(directory, name)).mode & 0o777).toString(8);

test('makes two key pairs that only their owner may read', async () => {
  const handler = handlerWith();
  const context = recordingContext<typeof identityShape>();
  const state = await handler.create(planned, context);
  expect(context.steps).toEqual(['making key pairs']);
  expect(await handler.read(state, context)).toEqual(state);
  expect(context.steps).toHaveLength(1);
  expect(state.tunnelFingerprint).not.toBe(state.hostFingerprint);
  expect([mode('.'), mode('tunnel_ed25519'), mode('host_ed25519')]).toEqual(['700', '600', '600']);
  expect(readFileSync(join(directory, 'host_ed25519.pub'), 'utf8')).toBe(`${state.hostPublicKey}\n`);
  expect(readdirSync(join(stateDirectory, 'identities'))).toEqual(['haskell-build-alpha']);
});

test('no private key is in the state, in an argv or in any output', async () => {
  const seen: string[] = [];
  const handler = handlerWith(async (file, args, options) => {
    const result = await run(file, args, options);
    seen.push(JSON.stringify([file, args, result]));
    return result;
  });
  const state = await handler.create(planned, recordingContext());
  for (const name of ['tunnel_ed25519', 'host_ed25519']) {
    const secret = readFileSync(join(directory, name), 'utf8').split('\n').slice(3, -2).join('').slice(0, 40);
    expect(secret.length).toBeGreaterThan(20);
    expect(seen.concat(JSON.stringify(state)).join()).not.toContain(secret);
  }
});

test('what an interrupted create made is taken over', async () => {
  const first = await handlerWith().create(planned, recordingContext());
  expect(await handlerWith().create(planned, recordingContext())).toEqual(first);
});

test.each([1, 2])(
  'an interruption in key pair %d leaves no half key, and the next create none of its traces',
  async (failAt) => {
    let calls = 0;
    const failing = handlerWith((file, args, options) => {
      calls += 1;
      return calls === failAt ? Promise.reject(new Error('killed')) : run(file, args, options);
    });
    await expect(failing.create(planned, recordingContext())).rejects.toThrow('killed');
    expect(existsSync(directory)).toBe(false);
    // What kill -9 would have left: a directory of a process that no longer is.
    mkdirSync(join(stateDirectory, 'identities/.new-keys-4194304-1-00000000-0000000000000000'), { recursive: true });
    await handlerWith().create(planned, recordingContext());
    expect(readdirSync(join(stateDirectory, 'identities'))).toEqual(['haskell-build-alpha']);
  },
);

test('a lost key is replaced, the other one kept, and the plan says which changes', async () => {
  const handler = handlerWith();
  const state = await handler.create(planned, recordingContext());
  rmSync(join(directory, 'tunnel_ed25519'));
  const found = (await handler.read(state, recordingContext()))!;
  expect(found).toEqual({ ...state, files: 'incomplete', tunnelPublicKey: '', tunnelFingerprint: '' });
  expect(handler.plan!(found, { ...found, files: 'intact' }).unknown).toEqual(['tunnelPublicKey', 'tunnelFingerprint']);
  const healed = await handler.update!(found, { ...found, files: 'intact' }, recordingContext());
  expect(healed.hostFingerprint).toBe(state.hostFingerprint);
  expect(healed.tunnelFingerprint).not.toBe(state.tunnelFingerprint);
  expect(await handler.read(healed, recordingContext())).toEqual(healed);
});

test('both keys gone: the identity is gone', async () => {
  const handler = handlerWith();
  const state = await handler.create(planned, recordingContext());
  rmSync(directory, { recursive: true });
  expect(await handler.read(state, recordingContext())).toBeNull();
});

test('drift: another key, open to others, public half missing or edited', async () => {
  const handler = handlerWith();
  const state = await handler.create(planned, recordingContext());
  chmodSync(join(directory, 'host_ed25519'), 0o644);
  expect(await handler.read(state, recordingContext())).toEqual({ ...state, files: 'exposed' });
  expect(await handler.update!({ ...state, files: 'exposed' }, state, recordingContext())).toEqual(state);
  expect(mode('host_ed25519')).toBe('600');
  writeFileSync(join(directory, 'host_ed25519.pub'), 'other');
  expect(await handler.read(state, recordingContext())).toEqual({ ...state, files: 'incomplete' });
  rmSync(join(directory, 'host_ed25519.pub'));
  expect(await handler.read(state, recordingContext())).toEqual({ ...state, files: 'incomplete' });
  await handler.update!(state, state, recordingContext());
  expect(await handler.read(state, recordingContext())).toEqual(state);
  for (const suffix of ['', '.pub'])
    copyFileSync(join(directory, `host_ed25519${suffix}`), join(directory, `tunnel_ed25519${suffix}`));
  expect(await handler.read(state, recordingContext())).toMatchObject({ tunnelFingerprint: state.hostFingerprint });
});

test('a damaged key does not stop a plan, is never overwritten, and goes at destroy', async () => {
  const handler = handlerWith();
  const state = await handler.create(planned, recordingContext());
  const path = join(directory, 'host_ed25519');
  writeFileSync(path, 'damaged');
  const context = recordingContext<typeof identityShape>();
  expect(await handler.read(state, context)).toMatchObject({ files: 'incomplete', hostPublicKey: '' });
  expect(context.warnings[0]).toContain(path);
  await expect(handler.update!(state, state, recordingContext())).rejects.toMatchObject({
    code: 'key-unreadable',
    place: path,
  });
  expect(readFileSync(path, 'utf8')).toBe('damaged');
  await handler.delete(state, recordingContext());
  expect(existsSync(stateDirectory)).toBe(false);
});

test('destroy removes what is its own and nothing else, twice if need be', async () => {
  const handler = handlerWith();
  const state = await handler.create(planned, recordingContext());
  writeFileSync(join(directory, 'notes'), 'mine');
  await handler.delete(state, recordingContext());
  expect(readdirSync(directory)).toEqual(['notes']);
  rmSync(join(directory, 'notes'));
  await handler.delete(state, recordingContext());
  expect(existsSync(stateDirectory)).toBe(false);
});

test('is imported by the name of the VM', async () => {
  const handler = handlerWith();
  const state = await handler.create(planned, recordingContext());
  expect(await handler.import!('haskell-build-alpha', recordingContext())).toEqual(state);
  await expect(handler.import!('haskell-build-beta', recordingContext())).rejects.toMatchObject({
    code: 'identity-missing',
  });
});

test('a cancelled create leaves nothing', async () => {
  const stop = new AbortController();
  const handler = handlerWith((file, args, options) => {
    stop.abort();
    return run(file, args, options);
  });
  await expect(handler.create(planned, recordingContext(stop.signal))).rejects.toThrow();
  expect(readdirSync(join(stateDirectory, 'identities'))).toEqual([]);
});
