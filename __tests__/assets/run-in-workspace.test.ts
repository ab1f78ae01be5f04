import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/process/run';
import { temporaryDirectory } from '../support/temporary-directory';

const RUN = join(__dirname, '../../assets/cli/run.sh');

test('Ctrl-Z stops nothing on a terminal', async () => {
  const root = temporaryDirectory();
  mkdirSync(join(root, '.buildfleet'));
  mkdirSync(join(root, 'app'));
  const command = `bash ${RUN} ${root} app '' id '' stty -a`;
  const { stdout } = await run('script', ['--quiet', '--return', '--command', command, '/dev/null']);
  expect(stdout).toContain('intr = ^C;');
  expect(stdout).toContain('susp = <undef>;');
});

test('a directory that was not sent is named, and the command is not run elsewhere', async () => {
  const root = temporaryDirectory();
  mkdirSync(join(root, '.buildfleet'));
  mkdirSync(join(root, 'app'));
  const command = [RUN, root, 'app', 'result/bin', 'id', '', 'echo', 'ran'];
  expect(await run('bash', command, { acceptExitCodes: [1] })).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: `there is no such directory in the workspace: what git or .buildfleetignore leaves out is not sent: ${root}/app/result/bin\n`,
  });
});
