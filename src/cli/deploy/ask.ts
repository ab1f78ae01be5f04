import { createInterface } from 'node:readline/promises';
import { printable } from '../../model/printable';

/** Asks a question on the terminal; only `y` and `yes` are a yes, and Ctrl-C is a no. */
export async function askYesNo(question: string, signal: AbortSignal): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const abandoned = new AbortController();
  terminal.once('SIGINT', () => {
    abandoned.abort();
  });
  // The end of the input answers nothing.
  terminal.once('close', () => {
    abandoned.abort();
  });
  try {
    const answer = await terminal.question(`${printable(question)} [y/N] `, {
      signal: AbortSignal.any([signal, abandoned.signal]),
    });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    process.stderr.write('\n');
    return false;
  } finally {
    terminal.close();
  }
}
