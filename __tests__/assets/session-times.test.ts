import { mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/process/run';
import { temporaryDirectory } from '../support/temporary-directory';

const SESSION = join(__dirname, '../../assets/cli/session.sh');
const HOUR = 3600;

// What was built by a clock that has been put back by an hour is given the times at which it was built.
describe('session.sh after a step back of the clock', () => {
  let root: string;
  let now: number;

  beforeEach(() => {
    root = temporaryDirectory();
    mkdirSync(join(root, 'app/dist'), { recursive: true });
    now = Math.floor(Date.now() / 1000);
  });

  async function session(...steps: readonly (readonly [late: number, early: number])[]): Promise<string[]> {
    const file = join(root, 'steps');
    if (steps.length > 0) writeFileSync(file, steps.map(([l, e]) => `${l * 1e6} ${e * 1e6}\n`).join(''));
    const { stdout } = await run('bash', [SESSION, root, 'app', 'me', String(Date.now() * 1000)], {
      env: { BUILD_CLOCK_STEPS: file },
      input: '',
    });
    return stdout.trim().split('\n');
  }

  function make(name: string, seconds: number): string {
    const path = join(root, 'app', name);
    writeFileSync(path, '');
    utimesSync(path, seconds, seconds);
    return path;
  }
  const timeOf = (path: string) => Math.round(statSync(path).mtimeMs / 1000);

  test('moves what was made by it, and nothing else, once', async () => {
    // It was put back ten minutes ago; what was made an hour before then says now what is to come.
    const step = [now - 600 + HOUR, now - 600] as const;
    const made = make('dist/part.o', now - 1200 + HOUR);
    const before = make('dist/old.o', now - 2 * HOUR);
    const later = make('dist/later.o', now - 600 + HOUR + 5);
    const lines = await session(step);
    expect(lines.at(-2)).toMatch(/^clock \d{16} \d{16}$/);
    expect(lines.at(-1)).toBe('ready');
    expect([made, before, later].map(timeOf)).toEqual([now - 1200, now - 2 * HOUR, now - 600 + HOUR + 5]);
    const again = make('dist/again.o', now - 100);
    await session(step);
    expect(timeOf(again)).toBe(now - 100);
    expect(readFileSync(join(root, '.buildfleet/app.clock'), 'utf8')).toBe(`${step[0] * 1e6} ${step[1] * 1e6}\n`);
  });

  test('moves by each step that it has not seen', async () => {
    const first = [now - 4 * HOUR, now - 5 * HOUR] as const;
    const second = [now + 2 * HOUR, now - 600] as const;
    const [one, two] = [make('dist/one.o', now - 4.5 * HOUR), make('dist/two.o', now + HOUR)];
    await session(first);
    expect([one, two].map(timeOf)).toEqual([now - 5.5 * HOUR, now + HOUR]);
    await session(first, second);
    expect([one, two].map(timeOf)).toEqual([now - 5.5 * HOUR, now + HOUR - (2 * HOUR + 600)]);
  });

  test('does nothing where the clock was never put back', async () => {
    const made = make('dist/part.o', now + HOUR);
    expect((await session()).at(-1)).toBe('ready');
    expect(timeOf(made)).toBe(now + HOUR);
  });

  test('tells its clock where nothing can set it', async () => {
    const asked = String((Date.now() - 61_000) * 1000);
    const { stdout } = await run('bash', [SESSION, root, 'app', 'me', asked], { input: '' });
    expect(stdout).toMatch(/^clock \d{16} \d{16} failed nothing here can set it\nready\n$/);
  });
});
