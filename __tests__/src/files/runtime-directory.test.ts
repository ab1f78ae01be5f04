import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import {
  makeSocketDirectory,
  removeRuntimeNotes,
  removeSocketDirectory,
  runtimeDirectory,
} from '../../../src/files/runtime-directory';

let root: string;
let session: string;
let home: string;
let before: number;

beforeEach(() => {
  before = process.umask(0);
  root = mkdtempSync('/tmp/buildfleet-test-');
  [session, home] = [join(root, 'session'), join(root, 'home')];
  mkdirSync(session, { mode: 0o700 });
  mkdirSync(home);
});

afterEach(() => {
  process.umask(before);
  rmSync(root, { recursive: true });
});

const inSession = () => runtimeDirectory({ HOME: home, XDG_RUNTIME_DIR: session });
const inHome = () => runtimeDirectory({ HOME: home });
const ofState = () => join(home, '.local/state/buildfleet/.run');
const mode = (path: string) => lstatSync(path).mode & 0o777;

test('is made in the directory of the session for this account alone, under any umask', () => {
  expect(inSession()).toBe(join(session, 'buildfleet'));
  expect(mode(inSession())).toBe(0o700);
});

test('is in the state directory where there is no session, or one that others can enter', () => {
  expect(inHome()).toBe(ofState());
  expect(mode(inHome())).toBe(0o700);
  expect(runtimeDirectory({ HOME: home, XDG_RUNTIME_DIR: join(session, 'missing') })).toBe(ofState());
  chmodSync(session, 0o755);
  expect(inSession()).toBe(ofState());
});

test.each([
  [
    'a file',
    () => {
      writeFileSync(join(session, 'buildfleet'), '');
    },
  ],
  [
    'a link',
    () => {
      symlinkSync(root, join(session, 'buildfleet'));
    },
  ],
])('%s in its place is passed over, and nothing is done to it', (_, make) => {
  make();
  const seen = () => {
    const { ino, mode, mtimeMs } = lstatSync(join(session, 'buildfleet'));
    return { ino, mode, mtimeMs };
  };
  const there = seen();
  expect(inSession()).toBe(ofState());
  expect(seen()).toEqual(there);
});

test('a path that is too long for sockets leads to a short one that cannot be guessed, the same each time', () => {
  home = join(home, 'a'.repeat(80));
  mkdirSync(home);
  const directory = inHome();
  expect(directory).toMatch(/^\/tmp\/buildfleet-\w{6}$/);
  expect(mode(directory)).toBe(0o700);
  expect(inHome()).toBe(directory);
  expect(runtimeDirectory({ HOME: home, XDG_RUNTIME_DIR: `/run/${'b'.repeat(80)}` })).toBe(directory);
  rmSync(directory, { recursive: true });
  const next = inHome();
  expect(next).not.toBe(directory);
  expect(readlinkSync(ofState())).toBe(next);
  rmSync(next, { recursive: true });
});

test('is in /tmp under the id of the account where the state directory cannot be made', () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  const shared = `/tmp/buildfleet-${process.getuid?.()}`;
  expect(runtimeDirectory({ HOME: file })).toBe(shared);
  expect(mode(shared)).toBe(0o700);
  expect(readdirSync(root).sort()).toEqual(['file', 'home', 'session']);
});

const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot('what another account has made first is passed over (needs root to make it)', () => {
  const claim = (path: string) => {
    mkdirSync(path, { mode: 0o700, recursive: true });
    spawnSync('chown', ['65534', path]);
  };
  claim(join(session, 'buildfleet'));
  expect(inSession()).toBe(ofState());
  const directory = inHome();
  rmSync(directory, { recursive: true });
  const stranger = join(root, 'stranger');
  claim(stranger);
  symlinkSync(stranger, ofState());
  home = join(home, 'a'.repeat(80));
  mkdirSync(join(home, '.local/state/buildfleet'), { recursive: true });
  symlinkSync(stranger, ofState());
  const own = inHome();
  expect(own).not.toBe(stranger);
  rmSync(own, { recursive: true });
});

async function makeSocket(path: string): Promise<void> {
  const server = createServer().listen(path);
  await once(server, 'listening');
  // as after kill -9: the file stays
  const kept = `${path}.kept`;
  spawnSync('ln', [path, kept]);
  server.close();
  await once(server, 'close');
  spawnSync('mv', [kept, path]);
}

test('sockets of killed processes go with those of the next, and nothing else', async () => {
  const parent = inHome();
  const own = makeSocketDirectory(parent);
  expect(mode(own)).toBe(0o700);
  const killed = spawnSync('true').pid;
  const names = {
    dead: `sockets-${killed}-abc123`,
    living: `sockets-${process.ppid}-abc123`,
    other: 'other',
    full: `sockets-${killed}-abc456`,
  };
  for (const name of Object.values(names)) mkdirSync(join(parent, name), { mode: 0o700 });
  await makeSocket(join(own, 'socket'));
  await makeSocket(join(parent, names.dead, 'socket'));
  writeFileSync(join(parent, names.full, 'text'), '');
  const elsewhere = join(root, 'elsewhere');
  mkdirSync(elsewhere, { mode: 0o700 });
  await makeSocket(join(elsewhere, 'socket'));
  symlinkSync(elsewhere, join(parent, `sockets-${killed}-link00`));
  removeSocketDirectory(own);
  expect(readdirSync(parent).sort()).toEqual(
    [names.living, names.other, names.full, `sockets-${killed}-link00`].sort(),
  );
  expect(readdirSync(elsewhere)).toEqual(['socket']);
});

test('notes go with a fleet, and the directory where nothing else is in it', async () => {
  const directory = inHome();
  writeFileSync(join(directory, 'trouble-abc.json'), '');
  await makeSocket(join(directory, 'socket'));
  removeRuntimeNotes({ HOME: home });
  expect(readdirSync(directory)).toEqual(['socket']);
  rmSync(join(directory, 'socket'));
  removeRuntimeNotes({ HOME: home });
  expect(existsSync(join(home, '.local/state/buildfleet'))).toBe(false);
});
