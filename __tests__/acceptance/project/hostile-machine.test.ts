import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { describeWithTools } from '../../support/tools';
import { describeAsRoot, WORK_TOOLS, WorkFleet } from './support/work-fleet';

jest.setTimeout(120_000);

const IN_TERMINAL = join(__dirname, '../cli/support/in-terminal.py');
const CLI = join(__dirname, '../../../bin/buildfleet');
// eslint-disable-next-line no-control-regex -- that is what a colour is
const COLOURS = /\u001b\[[\d;]*m/g;

describeAsRoot('a machine that says what it likes (needs root)', () => {
  describeWithTools([...WORK_TOOLS, 'python3'], 'with real tools', () => {
    let fleet: WorkFleet;

    beforeAll(async () => {
      fleet = await WorkFleet.create('alpha');
    });

    afterAll(() => fleet.dispose());

    test('without an end, in its session, is left with one error', async () => {
      const root = fleet.makeProject();
      const flock = fleet.addProgram('flock', '#!/bin/sh\nexec yes "waiting for Godot"\n');
      const { exitCode, stderr } = await fleet.cli(root, 'sync', '--vm', 'alpha');
      rmSync(flock);
      expect(stderr).toMatch(
        /^(waiting for .*\n)?buildfleet: the session on haskell-build-alpha printed more than 1 MiB and was ended: .*\n$/,
      );
      expect(exitCode).toBe(1);
    });

    test('to the terminal of who waits, steers nothing', async () => {
      const root = fleet.makeProject();
      const name = '\u001b]0;owned\u0007\u009b2Jmallory\u001b[8m\n';
      const flock = fleet.addProgram('flock', `#!/bin/sh\n[ "$2" != 0.5 ] || exit 1\nexec /usr/bin/flock "$@"\n`);
      await fleet.cli(root, 'sync', '--vm', 'alpha');
      writeFileSync(
        join(fleet.directory, 'alpha/build/.buildfleet', `${fleet.workspaceOf(root).split('/').at(-1)}.who`),
        name,
      );
      const { stderr } = await fleet.cli(root, 'sync', '--vm', 'alpha');
      rmSync(flock);
      expect(stderr).toBe('waiting for mallory, who works on this project on haskell-build-alpha\n');
    });

    test('in a build on a terminal, has its colours and nothing else', async () => {
      const root = fleet.makeProject();
      const said =
        '\\033[31mred\\033[0m \\033]0;owned\\007\\033[2J\\302\\2332Jlink: \\033]8;;https://a.example\\033\\\\GHC-1\\033]8;;\\033\\\\\\n';
      fleet.addProgram('cabal', `#!/bin/sh\nstty size\nprintf '${said}'\nexit 9\n`);
      const args = ['-B', IN_TERMINAL, '93', '--', CLI, 'build', '--vm', 'alpha', root];
      const { stdout, exitCode } = await run('python3', args, {
        env: { ...fleet.environment, TERM: 'xterm', NO_COLOR: '' },
        acceptExitCodes: [9],
      });
      expect(exitCode).toBe(9);
      expect(stdout).toContain('24 93\r\n');
      expect(stdout).toContain('\u001b[31mred\u001b[0m link: GHC-1\r\n');
      expect(stdout.replace(COLOURS, '')).not.toMatch(/[^\P{Cc}\r\n\t]/u);
    });
  });
});
