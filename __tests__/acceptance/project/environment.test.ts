import { readdirSync, readFileSync } from 'node:fs';
import { listProcesses } from '../../../src/process/process-identity';
import { buildfleet, BuildfleetProcess } from '../../support/buildfleet';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { describeAsRoot, WORK_TOOLS, WorkFleet } from './support/work-fleet';

jest.setTimeout(120_000);

/** What no shell and no list of lines leaves as it is. */
const HOSTILE = 'a\'b"c\nd $(touch x) `y` \\ ${HOME} *\t\u00fc\u{1f600} \u001b[1m=\n';

const leftOvers = () => readdirSync('/dev/shm').filter((name) => name.startsWith('buildfleet-env.'));

describeAsRoot('environment on stand-in machines (needs root)', () => {
  describeWithTools(WORK_TOOLS, 'with real tools', () => {
    let fleet: WorkFleet;

    beforeAll(async () => {
      fleet = await WorkFleet.create('alpha');
      fleet.addProgram(
        'cabal',
        '#!/bin/bash\necho "cabal $1" >&2\n[ "$1" = repl ] || { [ ! -e wait ] || exec sleep 300; }\nprintf "%s|%s" "$HOSTILE" "${FROM_FILE-}"\n',
      );
    });

    afterAll(() => fleet.dispose());

    test.each([['build'], ['test'], ['run'], ['bench'], ['repl']])('%s gets values exactly', async (task) => {
      const root = fleet.makeProject({ '.buildfleet-env': '# ours\nFROM_FILE= "x" # y\n' });
      const env = { ...fleet.environment, HOSTILE };
      const { stdout } = await buildfleet([task, '--vm', 'alpha', '--env', 'HOSTILE'], { cwd: root, env });
      expect(stdout.toString()).toBe(`${HOSTILE}| "x" # y`);
      expect(leftOvers()).toEqual([]);
    });

    test('exec gets them, with and without a project, and keeps its input', async () => {
      const root = fleet.makeProject({ '.buildfleet-env': 'FROM_FILE=1\n' });
      const command = ['--', 'sh', '-c', 'printf "%s|%s|" "$HOSTILE" "${FROM_FILE-}"; cat'];
      for (const [words, fromFile] of [
        [['exec', '--project', '--vm', 'alpha', '--env', `HOSTILE=${HOSTILE}`], '1'],
        [['exec', '--env', `HOSTILE=${HOSTILE}`, 'alpha'], ''],
      ] as const) {
        const options = { cwd: root, env: fleet.environment, input: 'input\n' };
        const { stdout } = await buildfleet([...words, ...command], options);
        expect(stdout.toString()).toBe(`${HOSTILE}|${fromFile}|input\n`);
      }
      expect(leftOvers()).toEqual([]);
    });

    test('no command line on either side has a value in it', async () => {
      const root = fleet.makeProject({ wait: '' });
      const env = { ...fleet.environment, SECRET: 'very-secret-value' };
      const cli = new BuildfleetProcess(['build', '--vm', 'alpha', '--env', 'SECRET'], { cwd: root, env });
      let isSeen = false;
      const running = await until('it runs', 30, () => {
        const all = listProcesses();
        isSeen ||= all.some(({ argv }) => argv.join(' ').includes('very-secret-value'));
        return all.find(({ argv }) => argv.join(' ') === 'sleep 300');
      });
      expect(isSeen).toBe(false);
      expect(readFileSync(`/proc/${running.pid}/environ`, 'utf8')).toContain('SECRET=very-secret-value');
      cli.child.kill('SIGINT');
      await cli.finished;
    });
  });
});
