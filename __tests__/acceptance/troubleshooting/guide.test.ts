import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkWslNetworking } from '../../../src/cli/doctor/checks/wsl';
import type { DoctorReport } from '../../../src/cli/doctor/finding';
import { renderDoctor } from '../../../src/cli/doctor/render';
import { fakeMachine, fakeSubject } from '../../src/cli/doctor/fake-machine';
import { documentedLines, printedLines, readSymptoms } from './support/documented';
import { requireDocumented } from './support/small-fleet';

/** What `buildfleet doctor` prints of its check under WSL2. */
async function underWsl2(networking: string): Promise<readonly string[]> {
  const machine = fakeMachine({
    files: { '/proc/version': 'Linux version 6.6.87.2-microsoft-standard-WSL2' },
    programs: { 'wslinfo --networking-mode': `${networking}\n` },
  });
  const findings = (await checkWslNetworking(machine, fakeSubject('virtualbox'))).map((found) => ({
    check: 'wsl',
    ...found,
  }));
  const report: DoctorReport = { formatVersion: 1, fleet: 'fleet', fleetFile: null, findings };
  return printedLines(renderDoctor(report, false));
}

test('the sshd of WSL2 is out of reach (a fake machine)', async () => {
  const documented = documentedLines('The sshd of WSL2 is out of reach', 'buildfleet doctor');
  requireDocumented(await underWsl2('nat'), documented);
  const mirrored = await underWsl2('mirrored');
  expect(mirrored.filter((line) => documented.some((pattern) => pattern.test(line)))).toEqual([]);
});

test('every symptom of the guide is provoked in a test of this folder', () => {
  const tests = readdirSync(__dirname)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(__dirname, name), 'utf8'))
    .join('\n');
  const headings = readSymptoms().map(({ heading }) => heading);
  expect(headings.length).toBeGreaterThan(20);
  expect(headings.filter((heading) => !tests.includes(heading))).toEqual([]);
});

test('every symptom of the guide has an example, every example a command that prints something', () => {
  for (const { heading, examples } of readSymptoms()) {
    expect({ heading, commands: examples.length }).not.toEqual({ heading, commands: 0 });
    for (const { command, lines } of examples)
      expect({ command, lines: lines.length }).not.toEqual({ command, lines: 0 });
  }
});
