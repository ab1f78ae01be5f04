import { chmodSync, lstatSync, mkdirSync, symlinkSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { runtimeDirectory } from '../../../../src/cli/ssh/runtime-directory';
import { temporaryDirectory } from '../../../support/temporary-directory';

let session: string;
let before: number;

beforeEach(() => {
  before = process.umask(0);
  session = temporaryDirectory();
  chmodSync(session, 0o700);
});

afterEach(() => {
  process.umask(before);
});

const own = () => runtimeDirectory({ XDG_RUNTIME_DIR: session });

test('is made for this account alone, whatever the umask is', () => {
  expect(own()).toBe(join(session, 'buildfleet'));
  expect(lstatSync(own()).mode & 0o777).toBe(0o700);
});

test('is in /tmp where there is no directory of the session, or one that others can enter', () => {
  const shared = `/tmp/buildfleet-${userInfo().uid}`;
  expect(runtimeDirectory({})).toBe(shared);
  expect(runtimeDirectory({ XDG_RUNTIME_DIR: join(session, 'missing') })).toBe(shared);
  chmodSync(session, 0o755);
  expect(own()).toBe(shared);
});

test.each([
  [
    'one that others can enter',
    () => {
      mkdirSync(join(session, 'buildfleet'), { mode: 0o755 });
    },
  ],
  [
    'a link',
    () => {
      symlinkSync(session, join(session, 'buildfleet'));
    },
  ],
])('%s is refused', (_, make) => {
  make();
  expect(own).toThrow('does not belong to this account alone');
});
