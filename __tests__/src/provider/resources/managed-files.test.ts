import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { managedFilesShape } from '../../../../src/model/resources/managed-files';
import type { State } from '../../../../src/model/resource-shape';
import { managedFilesResource } from '../../../../src/provider/resources/managed-files';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { recordingContext } from './support/context';

type FilesState = State<typeof managedFilesShape>;

let home: string;
let directory: string;
beforeEach(() => {
  home = temporaryDirectory();
  directory = join(home, '.local/state/buildfleet/test/tunnels');
});
const handler = () => managedFilesResource({ fleet: 'test', stateDirectory: null, cacheDirectory: null }, home);
const declared = (files: FilesState['files']): FilesState => ({
  directory: '~/.local/state/buildfleet/test/tunnels',
  files,
  mode: '0644',
  expandHome: true,
});
const two = { 'alpha.yml': 'port: 1\n', 'beta.yml': 'file: ~/state/ssh-config\n' };

test('every file is written, and nothing is to do afterwards', async () => {
  const state = await handler().create(declared(two), recordingContext());
  expect(readFileSync(join(directory, 'beta.yml'), 'utf8')).toBe(`file: ${home}/state/ssh-config\n`);
  expect(await handler().read(state, recordingContext())).toEqual(declared(two));
});

test('an update writes what is new, removes what is no longer named, and leaves all else alone', async () => {
  const state = await handler().create(declared(two), recordingContext());
  writeFileSync(join(directory, 'foreign.yml'), 'mine');
  const planned = declared({ 'alpha.yml': two['alpha.yml'], 'gamma.yml': 'port: 3\n' });
  expect(await handler().update?.(state, planned, recordingContext())).toEqual(planned);
  expect(readdirSync(directory).sort()).toEqual(['alpha.yml', 'foreign.yml', 'gamma.yml']);
});

test('a plan sees the file that was edited, the one that is missing, and another mode', async () => {
  const state = await handler().create(declared(two), recordingContext());
  writeFileSync(join(directory, 'alpha.yml'), 'port: 2\n');
  rmSync(join(directory, 'beta.yml'));
  expect(await handler().read(state, recordingContext())).toEqual(declared({ 'alpha.yml': 'port: 2\n' }));
  chmodSync(join(directory, 'alpha.yml'), 0o600);
  expect(await handler().read(state, recordingContext())).toMatchObject({ mode: '0600' });
  rmSync(directory, { recursive: true });
  expect(await handler().read(state, recordingContext())).toBeNull();
});

test('what was written before a failure is kept, so that it can be removed again', async () => {
  mkdirSync(join(directory, 'beta.yml'), { recursive: true });
  const kept: unknown[] = [];
  const context = { ...recordingContext(), keep: (state: unknown) => kept.push(state) };
  await expect(handler().create(declared(two), context)).rejects.toThrow();
  expect(kept.at(-1)).toEqual(declared({ 'alpha.yml': two['alpha.yml'] }));
});

test('a destroy leaves nothing', async () => {
  const state = await handler().create(declared(two), recordingContext());
  await handler().delete(state, recordingContext());
  expect(existsSync(join(home, '.local/state/buildfleet/test'))).toBe(false);
});
