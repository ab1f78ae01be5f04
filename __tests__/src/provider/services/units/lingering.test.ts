import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, type Run } from '../../../../../src/process/run';
import { CreatedPaths } from '../../../../../src/provider/services/created-paths';
import { ensureLingering, releaseLingering } from '../../../../../src/provider/services/units/lingering';
import { temporaryDirectory } from '../../../../support/temporary-directory';

const { signal } = new AbortController();
let home: string;
let directory: string;
let commands: string[];

beforeEach(() => {
  home = temporaryDirectory();
  directory = join(home, 'linger');
  mkdirSync(directory);
  commands = [];
});
/** Does what logind would do, or refuses as it does without a right. */
const fakeLoginctl =
  (allowed: boolean): Run =>
  (file, args) => {
    commands.push([file, ...args].join(' '));
    if (!allowed)
      return Promise.reject(new CommandError('refused', file, '', 'Access denied', 1, undefined, false, undefined));
    if (args.includes('enable-linger')) writeFileSync(join(directory, 'alice'), '');
    else rmSync(join(directory, 'alice'));
    return Promise.resolve({ stdout: '', stderr: '', exitCode: 0 });
  };
const context = (holder: string, allowed = true) => ({
  run: fakeLoginctl(allowed),
  user: 'alice',
  created: new CreatedPaths(home),
  holder,
  directory,
});

test('is asked for without a question, and taken back by the last fleet', async () => {
  expect(await ensureLingering(context('one'), signal)).toBe(true);
  expect(await ensureLingering(context('two'), signal)).toBe(true);
  await releaseLingering(context('one'), signal);
  expect(existsSync(join(directory, 'alice'))).toBe(true);
  await releaseLingering(context('two'), signal);
  await releaseLingering(context('two'), signal);
  expect(commands).toEqual([
    'loginctl --no-ask-password enable-linger alice',
    'loginctl --no-ask-password disable-linger alice',
  ]);
});

test("the operator's own is used and stays", async () => {
  writeFileSync(join(directory, 'alice'), '');
  expect(await ensureLingering(context('one'), signal)).toBe(true);
  await releaseLingering(context('one'), signal);
  expect(commands).toEqual([]);
});

test('a refusal is no failure, and leaves nothing to take back', async () => {
  expect(await ensureLingering(context('one', false), signal)).toBe(false);
  await releaseLingering(context('one', false), signal);
  expect(commands).toEqual(['loginctl --no-ask-password enable-linger alice']);
});
