import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { runsReplacedProgram } from '../../../src/process/process-identity';
import { temporaryDirectory } from '../../support/temporary-directory';

test('a program that is replaced while it runs, as by an upgrade, is told from one that is not', async () => {
  const directory = temporaryDirectory();
  const program = join(directory, 'program');
  copyFileSync('/bin/sleep', program);
  const child = spawn(program, ['60']);
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  expect(runsReplacedProgram(pid)).toBe(false);
  copyFileSync('/bin/sleep', join(directory, 'newer'));
  renameSync(join(directory, 'newer'), program);
  expect(runsReplacedProgram(pid)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(runsReplacedProgram(pid)).toBe(false);
});
