import { CommandError, type Run } from './run';

/** Answer of a program: `missing` when it is not installed, `failed` with its first words when it did not work. */
export type Answer =
  | { readonly status: 'answered'; readonly output: string }
  | { readonly status: 'missing' }
  | { readonly status: 'failed'; readonly reason: string; readonly output: string };

/** Milliseconds that a program has; all of them only tell something. */
const TIMEOUT = 20_000;

/** Asks a program for something that changes nothing. Both of its streams are the answer. */
export async function ask({ run }: { readonly run: Run }, program: string, args: readonly string[]): Promise<Answer> {
  try {
    const { stdout, stderr } = await run(program, args, { timeout: TIMEOUT });
    return { status: 'answered', output: `${stdout}\n${stderr}` };
  } catch (error) {
    if (!(error instanceof CommandError) || error.cancelled) throw error;
    if (error.code === 'ENOENT') return { status: 'missing' };
    const output = `${error.stderr}\n${error.stdout}`;
    const said = output.split('\n').find((line) => line.trim() !== '');
    return { status: 'failed', reason: said?.trim() ?? error.message.split('\n')[0] ?? 'it gave no reason', output };
  }
}

/** The first version in a text, `8.2.2`, as numbers; undefined if there is none. */
export function versionIn(text: string): readonly number[] | undefined {
  return /\d+\.\d+(?:\.\d+)?/.exec(text)?.[0].split('.').map(Number);
}

/** Whether a version is this one or a later one. */
export function isAtLeast(version: readonly number[], wanted: readonly number[]): boolean {
  for (const [index, number] of wanted.entries()) {
    const difference = (version[index] ?? 0) - number;
    if (difference !== 0) return difference > 0;
  }
  return true;
}
