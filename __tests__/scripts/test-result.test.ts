import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/process/run';
import { temporaryDirectory } from '../support/temporary-directory';

const PROGRAM = join(__dirname, '../../scripts/test-result.cjs');
const FLEET = '/p/__tests__/acceptance/fleet/life.test.ts';
const UNIT = '/p/__tests__/src/model/names.test.ts';

type Status = 'passed' | 'failed' | 'pending';
const suite = (name: string, ...tests: readonly Status[]) => ({
  name,
  status: tests.length === 0 || tests.includes('failed') ? 'failed' : 'passed',
  assertionResults: tests.map((status) => ({ status })),
});

/** What the program says of results with these suites. */
async function answer(verb: string, ...results: readonly (readonly ReturnType<typeof suite>[])[]) {
  const directory = temporaryDirectory('buildfleet-results-');
  const files = results.map((testResults, index) => {
    const file = join(directory, `${index}.json`);
    writeFileSync(file, JSON.stringify({ testResults }));
    return file;
  });
  const { stdout, exitCode } = await run(process.execPath, [PROGRAM, verb, ...files], { acceptExitCodes: [0, 1] });
  return { stdout: stdout.trimEnd(), exitCode };
}

describe('the result of all tests', () => {
  test('names the acceptance suites that failed, and no other', async () => {
    const other = '/p/__tests__/acceptance/cli/exec.test.ts';
    const answered = await answer('failed', [
      suite(FLEET, 'passed', 'failed'),
      suite(UNIT, 'failed'),
      suite(other, 'passed'),
    ]);
    expect(answered.stdout).toBe(FLEET);
  });

  test('counts tests, and a suite that did not come to its tests as one that failed', async () => {
    expect(await answer('count', [suite(FLEET, 'passed', 'pending'), suite(UNIT, 'passed')])).toEqual({
      stdout: '2 passed, 0 failed, 1 skipped',
      exitCode: 0,
    });
    expect(await answer('count', [suite(FLEET), suite(UNIT, 'passed', 'failed')])).toEqual({
      stdout: '1 passed, 2 failed',
      exitCode: 1,
    });
  });

  test('counts a suite as it ended when it was run again', async () => {
    const first = [suite(FLEET, 'passed', 'failed'), suite(UNIT, 'passed')];
    expect(await answer('count', first, [suite(FLEET, 'passed', 'passed')])).toEqual({
      stdout: '3 passed, 0 failed',
      exitCode: 0,
    });
    expect(await answer('count', first, [suite(FLEET, 'failed', 'passed')])).toEqual({
      stdout: '2 passed, 1 failed',
      exitCode: 1,
    });
  });

  test('is a failure when nothing was run', async () => {
    expect((await answer('count', [])).exitCode).toBe(1);
  });
});
