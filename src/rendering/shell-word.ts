/**
 * One argument as a word of a POSIX shell: whatever it holds, newlines, quotes and nothing at all included, the shell
 * hands it on unchanged.
 */
export function shellWord(argument: string): string {
  return /^[A-Za-z0-9_/:.,@+-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

/** A whole argv as one command line. */
export function shellWords(argv: readonly string[]): string {
  return argv.map(shellWord).join(' ');
}
