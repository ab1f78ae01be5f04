import { readFileSync } from 'node:fs';
import { inCheckout } from '../package-root';
import { quoteArgv } from './quote';

/** Puts GHC and cabal on the path; there in every image, whatever installed them. Absent on other machines. */
const TOOLCHAIN = '[ -r ~/.ghcup/env ] && . ~/.ghcup/env; ';

/** A remote command line that runs argv, which a terminal ends when it hangs up. */
export function commandWithTerminal(argv: readonly string[]): string {
  return `${TOOLCHAIN}exec -- ${quoteArgv(argv)}`;
}

/**
 * A remote command line that runs argv without a terminal and ends it, with all that it started, when the connection
 * is gone.
 */
export function supervisedCommand(argv: readonly string[]): string {
  const script = readFileSync(inCheckout('assets/cli/supervise.sh'), 'utf8');
  return `${TOOLCHAIN}exec ${quoteArgv(['setpriv', '--pdeathsig', 'TERM', 'bash', '-c', script, 'supervise', ...argv])}`;
}

/** Arguments for ssh. Nothing after the host can be taken for an option of ssh. */
export function sshArguments(sshConfig: string, options: readonly string[], host: string, command?: string): string[] {
  return ['-F', sshConfig, ...options, '--', host, ...(command === undefined ? [] : [command])];
}
