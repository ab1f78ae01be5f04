/**
 * One argument as a word of a POSIX shell, which hands it on unchanged: newlines, quotes and an empty text included.
 */
export function shellWord(argument: string): string {
  return /^[A-Za-z0-9_/:.,@+-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

/** A whole argv as one command line. */
export function shellWords(argv: readonly string[]): string {
  return argv.map(shellWord).join(' ');
}
