import { scriptCommand, scriptWithoutTerminal, supervisedCommand } from '../../../../src/cli/ssh/remote-command';
import { run } from '../../../../src/process/run';

// The login shell does it itself if it is bash, and starts one otherwise.
describe.each(['bash', 'sh'])('a login shell that is %s', (shell) => {
  test.each([[['plain']], [['', '-n', "it's", 'two words', 'new\nline', '$(x) `y` "z"', 'ünï']]])(
    'gives a script its arguments as they are: %j',
    async (args) => {
      const command = scriptCommand('test', '#!/bin/bash\n[[ 1 ]]; printf "<%s>" "$@"\nexit 3', args);
      const { stdout, exitCode } = await run(shell, ['-c', command], { acceptExitCodes: [3] });
      expect({ stdout, exitCode }).toEqual({ stdout: args.map((arg) => `<${arg}>`).join(''), exitCode: 3 });
    },
  );

  test('gives a supervised command its arguments as they are', async () => {
    const command = supervisedCommand(['sh', '-c', 'printf "<%s>" "$@"; exit 4', 'x', 'exe:my app', "it's"]);
    const { stdout, exitCode } = await run(shell, ['-c', command], { acceptExitCodes: [4] });
    expect({ stdout, exitCode }).toEqual({ stdout: "<exe:my app><it's>", exitCode: 4 });
  });

  test('gives a script that has the toolchain its arguments as they are', async () => {
    const command = scriptWithoutTerminal('test', 'printf "<%s>" "$@"; exit 5', ['exe:my app', "it's"]);
    const { stdout, exitCode } = await run(shell, ['-c', command], { acceptExitCodes: [5] });
    expect({ stdout, exitCode }).toEqual({ stdout: "<exe:my app><it's>", exitCode: 5 });
  });

  test('says nothing of its own, however soon the command ends', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => run(shell, ['-c', supervisedCommand(['sh', '-c', 'echo out; echo err >&2'])])),
    );
    for (const outcome of outcomes) expect(outcome).toMatchObject({ stdout: 'out\n', stderr: 'err\n' });
  });
});
