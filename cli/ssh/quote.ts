/**
 * One argument as a word of a POSIX shell: whatever it holds, newlines, quotes and nothing at all included, the shell
 * hands it on unchanged. ssh joins its arguments with spaces and gives the text to the remote login shell.
 */
export function quoteForShell(argument: string): string {
  return /^[A-Za-z0-9_/:.,@+-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

/** A whole argv as one command line. */
export function quoteArgv(argv: readonly string[]): string {
  return argv.map(quoteForShell).join(' ');
}
