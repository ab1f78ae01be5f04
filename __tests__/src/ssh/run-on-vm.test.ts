import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, type Run, run } from '../../../src/process/run';
import type { SshFailure } from '../../../src/ssh/failure';
import { runOnVm } from '../../../src/ssh/run-on-vm';
import { fleetTarget } from '../../../src/ssh/target';
import { temporaryDirectory } from '../../support/temporary-directory';

const ALPHA = fleetTarget('/state/ssh-config', 'haskell-build-alpha');

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
});

/** Has a shell script stand in for ssh; without one there is no ssh. */
function call(script: string | undefined, limits: { signal?: AbortSignal; timeout?: number } = {}) {
  const file = join(directory, 'ssh');
  if (script !== undefined) {
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  }
  const standIn: Run = (program, args, options) => run(join(directory, program), args, options);
  const sshCall = { mode: 'program', connection: { kind: 'own' } } as const;
  return runOnVm(standIn, ALPHA, sshCall, { what: 'smoke', command: 'true', ...limits });
}

const failureOf = (...args: Parameters<typeof call>) => call(...args).catch((error: unknown) => error as SshFailure);

test('gives what the command printed', async () => {
  expect(await call('for last; do :; done; echo "$last"')).toMatchObject({ stdout: 'true\n', exitCode: 0 });
});

test.each([
  ['command-failed', 'echo no >&2; exit 3', {}],
  ['unreachable', 'echo "ssh: connect to host 127.0.0.1 port 1: Connection refused" >&2; exit 255', {}],
  ['signal', 'kill -KILL $$', {}],
  ['timed-out', 'exec sleep 60', { timeout: 200 }],
  ['not-started', undefined, {}],
])('%s', async (kind, script, limits) => {
  expect(await failureOf(script, limits)).toMatchObject({
    ...{ name: 'SshFailure', kind, vm: 'haskell-build-alpha', what: 'smoke' },
    cause: expect.any(CommandError) as unknown,
  });
});

test('a cancelled call says nothing of the VM', async () => {
  expect(await failureOf('exec sleep 60', { signal: AbortSignal.timeout(100) })).toBeInstanceOf(CommandError);
});
