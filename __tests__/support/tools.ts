import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Absolute path of a program, also where it lies in a directory for administrators; null if it is missing. */
export function findProgram(name: string): string | null {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const directory of directories) {
    const candidate = join(directory, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // not here
    }
  }
  return null;
}

/**
 * A `describe` for tests that need real programs. Where one is missing the tests are skipped under a name that says
 * so; in CI they fail instead, because there a skipped test would prove nothing.
 */
export function describeWithTools(programs: readonly string[], name: string, tests: () => void): void {
  const missing = programs.filter((program) => findProgram(program) === null);
  if (missing.length === 0) {
    describe(name, tests);
  } else if (process.env['CI'] === 'true') {
    test(`${name}: needs ${missing.join(', ')}`, () => {
      throw new Error(`missing in CI: ${missing.join(', ')}`);
    });
  } else {
    describe.skip(`${name} (skipped: ${missing.join(', ')} missing)`, tests);
  }
}
