import { readFileSync } from 'node:fs';
import { shellWord, shellWords } from '../../rendering/shell-word';
import { inCheckout } from '../package-root';

/**
 * Puts what GHCup and cabal install on the path. No file of the account is read, because any build could have written it,
 * and the system's programs come first for the same reason.
 */
const TOOLCHAIN = 'PATH="$PATH:$HOME/.ghcup/bin:$HOME/.local/bin:$HOME/.cabal/bin"; export PATH; ';

/** A remote command line that runs argv, which a terminal ends when it hangs up. */
export function commandWithTerminal(argv: readonly string[]): string {
  return `${TOOLCHAIN}${terminalWishes(process.env)}exec -- ${shellWords(argv)}`;
}

/** The same of a bash script. */
export function scriptWithTerminal(name: string, script: string, args: readonly string[]): string {
  return `${TOOLCHAIN}${terminalWishes(process.env)}${scriptCommand(name, script, args)}`;
}

/** A remote command line that runs a bash script, and does not end it when the connection is gone. */
export function scriptWithoutTerminal(name: string, script: string, args: readonly string[]): string {
  return `${TOOLCHAIN}${scriptCommand(name, script, args)}`;
}

/** A type of terminal that the VM does not know nearly always does what this one does. */
const KNOWN_TERMINAL =
  '[ -z "$TERM" ] || ' +
  ['~/.terminfo', '/etc/terminfo', '/usr/lib/terminfo', '/lib/terminfo', '/usr/share/terminfo']
    .map((types) => `[ -e ${types}/"\${TERM%"\${TERM#?}"}/$TERM" ]`)
    .join(' || ') +
  ' || export TERM=xterm-256color; ';

/** Variables of this terminal for the program, besides its size, which ssh passes. */
function terminalWishes(environment: NodeJS.ProcessEnv): string {
  return (environment['NO_COLOR'] ? 'export NO_COLOR=1; ' : '') + KNOWN_TERMINAL;
}

/**
 * A remote command line that runs a bash script. The login shell does it itself if it is bash, as on every build
 * machine: one more shell takes an emulated machine a tenth of a second.
 *
 * @param name what the script is called in the list of processes, where another shell starts a bash
 */
export function scriptCommand(name: string, script: string, args: readonly string[]): string {
  return [
    `set -- ${shellWords(args)}`,
    `script=${shellWord(script)}`,
    'if [ -n "${BASH_VERSION-}" ]; then eval "$script"; exit; fi',
    `exec bash -c "$script" ${name} "$@"`,
  ].join('; ');
}

/**
 * A remote command line that runs argv without a terminal and ends it, with all that it started, when the connection
 * is gone.
 */
export function supervisedCommand(argv: readonly string[]): string {
  return scriptWithoutTerminal('supervise', readFileSync(inCheckout('assets/cli/supervise.sh'), 'utf8'), argv);
}
