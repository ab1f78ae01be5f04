import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { unfitProgram } from '../../../../src/cli/work/missing-program';
import type { FleetVm } from '../../../../src/model/fleet';
import { endingWithUs } from '../../../../src/process/ending-with-us';
import { CommandError, run } from '../../../../src/process/run';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { findProgram } from '../../../support/tools';

const VM = { id: 'alpha', name: 'haskell-build-alpha' } as FleetVm;
const programs = join(temporaryDirectory(), 'programs');
const absolute = (name: string) => findProgram(name) ?? name;

beforeAll(() => {
  mkdirSync(programs);
});

/** What the starter and the real rsync say on a machine that has only these programs. */
async function failureWith(starter: 'setpriv' | 'limited', there: readonly string[]): Promise<CommandError> {
  const path = join(programs, `${starter}-${there.join('-')}`);
  mkdirSync(path);
  for (const name of there) symlinkSync(absolute(name), join(path, name));
  const rsync = ['rsync', '--rsh=ssh', 'haskell-build-alpha:/build/', `${programs}/`];
  const [file, args] =
    starter === 'setpriv'
      ? [absolute('setpriv'), endingWithUs('rsync', ...rsync.slice(1))]
      : [absolute('bash'), ['-c', 'exec "$@"', 'limited', ...rsync]];
  return run(file, args, { env: { PATH: path } }).then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error as CommandError,
  );
}

test.each([
  ['setpriv', [], 'rsync-missing'],
  ['limited', [], 'rsync-missing'],
  ['setpriv', ['rsync'], 'ssh-missing'],
  ['limited', ['rsync'], 'ssh-missing'],
] as const)('%s with %j on this workstation: %s', async (starter, there, code) => {
  const error = unfitProgram(VM, starter, await failureWith(starter, there));
  expect(error).toMatchObject({ code, problem: `${code.split('-')[0]} is not installed on this workstation` });
});

const said = (stderr: string, code?: string) =>
  new CommandError('failed', 'rsync', '', stderr, 12, code, false, undefined);

test.each([
  ['bash: line 1: rsync: command not found\n', 'rsync-missing', 'rsync is not installed on haskell-build-alpha'],
  [
    'rsync: --out-format=%n: unknown option\n',
    'rsync-too-old',
    'on this workstation is too old: it does not know --out-format=%n',
  ],
  ['rsync: on remote machine: --chmod: unknown option\n', 'rsync-too-old', 'on haskell-build-alpha is too old'],
])('%j', (stderr, code, problem) => {
  expect(unfitProgram(VM, 'setpriv', said(stderr))).toMatchObject({
    code,
    problem: expect.stringContaining(problem) as string,
  });
});

test('setpriv itself, and what is no missing program', () => {
  expect(unfitProgram(VM, 'setpriv', said('', 'ENOENT'))).toMatchObject({ code: 'setpriv-missing' });
  expect(
    unfitProgram(VM, 'limited', said('rsync: connection unexpectedly closed (0 bytes received so far)\n')),
  ).toBeUndefined();
});
