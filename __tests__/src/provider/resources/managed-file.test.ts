import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import type { managedFileShape } from '../../../../src/model/resources/managed-file';
import type { State } from '../../../../src/model/resource-shape';
import { managedFileResource } from '../../../../src/provider/resources/managed-file';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { recordingContext } from './support/context';

type FileState = State<typeof managedFileShape>;

let home: string;
beforeEach(() => {
  home = temporaryDirectory();
});
const handlerOf = (fleet = 'test') => managedFileResource({ fleet, stateDirectory: null, cacheDirectory: null }, home);
const block = (overrides: Partial<FileState> = {}): FileState => ({
  path: '~/.ssh/config',
  content: 'Include ~/state/ssh-config\n',
  mode: '0600',
  block: 'test',
  expandHome: false,
  ...overrides,
});
const whole = (overrides: Partial<FileState> = {}): FileState =>
  block({ path: '~/.local/state/buildfleet/test/ssh-config', block: null, ...overrides });
const config = () => join(home, '.ssh/config');
const putConfig = (text: string | Buffer) => {
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  writeFileSync(config(), text, { mode: 0o640 });
};

test('any file is given back byte for byte, with its mode', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom('', '\n', '\r\n', '\nHost *\r\n  User me'),
      async (bytes, tail) => {
        const before = Buffer.concat([bytes, Buffer.from(tail)]);
        putConfig(before);
        const handler = handlerOf();
        const state = await handler.create(block(), recordingContext());
        expect(await handler.read(state, recordingContext())).toEqual(state);
        expect(statSync(config()).mode & 0o777).toBe(0o640);
        await handler.delete(state, recordingContext());
        expect(readFileSync(config())).toEqual(before);
        expect(statSync(config()).mode & 0o777).toBe(0o640);
      },
    ),
    { numRuns: 30 },
  );
});

test('a file and directories that were not there go again, and nothing is left', async () => {
  const handler = handlerOf();
  const state = await handler.create(block({ path: '~/a/b/config' }), recordingContext());
  expect(statSync(join(home, 'a/b/config')).mode & 0o777).toBe(0o600);
  expect(statSync(join(home, 'a')).mode & 0o777).toBe(0o700);
  await handler.delete(state, recordingContext());
  expect(readdirSync(home)).toEqual(['.local']);
  expect(existsSync(join(home, '.local/state/buildfleet'))).toBe(false);
});

test('a home directory that is reached through a link has the same files, which both spellings take away', async () => {
  const link = join(temporaryDirectory(), 'home');
  symlinkSync(home, link);
  const linked = managedFileResource({ fleet: 'test', stateDirectory: null, cacheDirectory: null }, link);
  for (const [one, other] of [
    [handlerOf(), linked],
    [linked, handlerOf()],
  ] as const) {
    for (const file of [block({ expandHome: true }), whole({ expandHome: true })]) {
      const state = await one.create(file, recordingContext());
      expect(await other.read(state, recordingContext())).toEqual(state);
      await other.delete(state, recordingContext());
    }
    expect(existsSync(join(home, '.ssh'))).toBe(false);
    expect(existsSync(join(home, '.local/state/buildfleet/test'))).toBe(false);
  }
});

test('a file that an earlier version wrote with the link in it is not another one', async () => {
  const link = join(temporaryDirectory(), 'home');
  symlinkSync(home, link);
  const linked = managedFileResource({ fleet: 'test', stateDirectory: null, cacheDirectory: null }, link);
  const state = await linked.create(block({ expandHome: true }), recordingContext());
  writeFileSync(config(), readFileSync(config(), 'utf8').replaceAll(home, link));
  expect(await linked.read(state, recordingContext())).toEqual(state);
});

test('an empty file that was there stays', async () => {
  putConfig('');
  const handler = handlerOf();
  const state = await handler.create(block(), recordingContext());
  await handler.delete(state, recordingContext());
  expect(readFileSync(config(), 'utf8')).toBe('');
});

test('a file of ours that the operator wrote into stays with what they wrote', async () => {
  const handler = handlerOf();
  const state = await handler.create(block(), recordingContext());
  writeFileSync(config(), `${readFileSync(config(), 'utf8')}Host mine\n`);
  expect(await handler.read(state, recordingContext())).toEqual(state);
  await handler.delete(state, recordingContext());
  expect(readFileSync(config(), 'utf8')).toBe('Host mine\n');
  expect(existsSync(join(home, '.local/state/buildfleet'))).toBe(false);
});

test.each([
  ['in order', ['one', 'two']],
  ['in reverse', ['two', 'one']],
])('two fleets share a file that neither found there, and leave %s', async (_name, order) => {
  const states = {
    one: await handlerOf('one').create(block({ block: 'one', content: 'a' }), recordingContext()),
    two: await handlerOf('two').create(block({ block: 'two', content: 'b' }), recordingContext()),
  };
  for (const [fleet, state] of Object.entries(states))
    expect(await handlerOf(fleet).read(state, recordingContext())).toEqual(state);
  for (const fleet of order) await handlerOf(fleet).delete(states[fleet as 'one' | 'two'], recordingContext());
  expect(existsSync(join(home, '.ssh'))).toBe(false);
});

test('many writers of one file at the same time lose nothing', async () => {
  putConfig('Host *\n');
  const fleets = Array.from({ length: 12 }, (_, index) => `fleet${index}`);
  const states = await Promise.all(
    fleets.map((fleet) => handlerOf(fleet).create(block({ block: fleet }), recordingContext())),
  );
  for (const state of states) expect(await handlerOf(state.block!).read(state, recordingContext())).toEqual(state);
  await Promise.all(states.map((state) => handlerOf(state.block!).delete(state, recordingContext())));
  expect(readFileSync(config(), 'utf8')).toBe('Host *\n');
});

test('a link stays a link', async () => {
  mkdirSync(join(home, 'dotfiles'));
  writeFileSync(join(home, 'dotfiles/config'), 'Host *\n');
  mkdirSync(join(home, '.ssh'));
  symlinkSync('../dotfiles/config', config());
  const handler = handlerOf();
  const state = await handler.create(block(), recordingContext());
  expect(lstatSync(config()).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(home, 'dotfiles/config'), 'utf8')).toContain('Include');
  await handler.delete(state, recordingContext());
  expect(lstatSync(config()).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(home, 'dotfiles/config'), 'utf8')).toBe('Host *\n');
});

test('a link to nothing is written through, a circle of links is an error', async () => {
  mkdirSync(join(home, '.ssh'));
  symlinkSync('real', config());
  const handler = handlerOf();
  const state = await handler.create(block(), recordingContext());
  expect(existsSync(join(home, '.ssh/real'))).toBe(true);
  await handler.delete(state, recordingContext());
  expect(readdirSync(join(home, '.ssh'))).toEqual(['config']);
  symlinkSync('config', join(home, '.ssh/real'));
  await expect(handler.create(block(), recordingContext())).rejects.toMatchObject({ code: 'file-eloop' });
});

test('drift: edited, missing, mode', async () => {
  putConfig('Host *\n');
  const handler = handlerOf();
  const state = await handler.create(block(), recordingContext());
  writeFileSync(config(), readFileSync(config(), 'utf8').replace('Include', 'include'));
  expect(await handler.read(state, recordingContext())).toMatchObject({ content: 'include ~/state/ssh-config\n' });
  writeFileSync(config(), 'Host *\n');
  expect(await handler.read(state, recordingContext())).toBeNull();
  const file = await handler.create(whole(), recordingContext());
  const path = join(home, '.local/state/buildfleet/test/ssh-config');
  chmodSync(path, 0o666);
  expect(await handler.read(file, recordingContext())).toMatchObject({ mode: '0666' });
  await handler.update!(file, file, recordingContext());
  expect(await handler.read(file, recordingContext())).toEqual(file);
  writeFileSync(path, 'other');
  expect(await handler.read(file, recordingContext())).toMatchObject({ content: 'other' });
  rmSync(path);
  expect(await handler.read(file, recordingContext())).toBeNull();
});

test('broken markers: an error with the file, and nothing changed', async () => {
  const broken = '# >>> buildfleet test >>>\nHost *\n';
  putConfig(broken);
  const handler = handlerOf();
  for (const attempt of [handler.create(block(), recordingContext()), handler.delete(block(), recordingContext())]) {
    await expect(attempt).rejects.toMatchObject({ code: 'managed-block-broken', place: config() });
  }
  expect(readFileSync(config(), 'utf8')).toBe(broken);
  expect(readdirSync(home)).toEqual(['.ssh']);
});

test.each(['Include ~/state/ssh-config', `# mine\n\n  Include HOME/state/ssh-config  \r\nUser me`])(
  'what the operator wrote by hand is enough, and is never touched: %j',
  async (words) => {
    const text = `${words.replace('HOME', home)}\nHost *\n  User me\n`;
    putConfig(text);
    const state = block({ expandHome: true });
    const handler = handlerOf();
    expect(await handler.create(state, recordingContext())).toEqual(state);
    expect(await handler.read(state, recordingContext())).toEqual(state);
    await handler.delete(state, recordingContext());
    expect(readFileSync(config(), 'utf8')).toBe(text);
    writeFileSync(config(), 'Host *\n');
    expect(await handler.read(state, recordingContext())).toBeNull();
  },
);

test('below a Host it would hold for that one only, and does not count', async () => {
  putConfig('host=x\nInclude ~/state/ssh-config\n');
  await handlerOf().create(block(), recordingContext());
  expect(readFileSync(config(), 'utf8')).toMatch(/^# >>> buildfleet test >>>\n/);
});

test('homes are expanded at word starts and shown as configured', async () => {
  const handler = handlerOf();
  const state = await handler.create(
    whole({ content: 'cp ~/a b~/c "~/d" --x=~/e\n', expandHome: true }),
    recordingContext(),
  );
  const path = join(home, '.local/state/buildfleet/test/ssh-config');
  expect(readFileSync(path, 'utf8')).toBe(`cp ${home}/a b~/c "${home}/d" --x=${home}/e\n`);
  expect(await handler.read(state, recordingContext())).toEqual(state);
  writeFileSync(path, `cp ${home}/other\n`);
  expect(await handler.read(state, recordingContext())).toMatchObject({ content: 'cp ~/other\n' });
  writeFileSync(path, state.content);
  expect(await handler.read(state, recordingContext())).toBeNull();
});

test('a file from before is not overwritten, an own one of an interrupted deploy is', async () => {
  writeFileSync(join(home, 'notes'), 'mine');
  const handler = handlerOf();
  await expect(handler.create(whole({ path: '~/notes' }), recordingContext())).rejects.toMatchObject({
    code: 'managed-file-foreign',
  });
  expect(readFileSync(join(home, 'notes'), 'utf8')).toBe('mine');
  await handler.create(whole({ path: '~/new' }), recordingContext());
  const state = await handler.create(whole({ path: '~/new', content: 'second' }), recordingContext());
  await handler.delete(state, recordingContext());
  expect(existsSync(join(home, 'new'))).toBe(false);
});

test('a file in the state directory takes its empty directories with it', async () => {
  const handler = handlerOf();
  const state = await handler.create(
    whole({ path: '~/.local/state/buildfleet/test/ops-bridge/tunnels/a.yml' }),
    recordingContext(),
  );
  await handler.delete(state, recordingContext());
  expect(existsSync(dirname(join(home, '.local/state/buildfleet/test')) + '/test')).toBe(false);
  await handler.delete(state, recordingContext());
});

test('can be imported', async () => {
  putConfig('Host *\n');
  const handler = handlerOf();
  const state = await handler.create(block({ mode: '0640' }), recordingContext());
  expect(await handler.import!('~/.ssh/config#test', recordingContext())).toEqual(state);
  await expect(handler.import!('~/.ssh/config#other', recordingContext())).rejects.toMatchObject({
    code: 'managed-file-missing',
  });
});

test('what a killed write left is cleared away', async () => {
  const handler = handlerOf();
  const state = await handler.create(block(), recordingContext());
  writeFileSync(join(home, '.ssh/config.4194304.new'), 'half');
  await handler.delete(state, recordingContext());
  expect(existsSync(join(home, '.ssh'))).toBe(false);
});

test('a relative path is refused', async () => {
  await expect(handlerOf().create(whole({ path: 'a' }), recordingContext())).rejects.toMatchObject({
    code: 'managed-file-path',
    attribute: 'path',
  });
});
