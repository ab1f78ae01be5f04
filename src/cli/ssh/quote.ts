import { shellWord } from '../../rendering/shell-word';

/** One argument of a remote command: ssh joins its arguments with spaces and gives the text to the remote login shell. */
export const quoteForShell = shellWord;

/** A whole argv as one command line. */
export function quoteArgv(argv: readonly string[]): string {
  return argv.map(quoteForShell).join(' ');
}
