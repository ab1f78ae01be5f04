import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FleetError } from '../../model/errors';
import type { Context } from '../context';
import { visibleName } from './visible-name';

/** Name of the file in a project's root with variables that its commands get. */
export const ENVIRONMENT_FILE = '.buildfleet-env';

/** No such file that a person writes is larger. */
const LARGEST = 256 * 1024;

/** More is no environment for a program. */
const MOST_BYTES = 1024 * 1024;

/** Variables that bash does not take from its environment, or that make something else of their values. */
const OF_BASH =
  /^(BASH.*|BUILDFLEET_(FILE|VARIABLES)|COMP_.*|DIRSTACK|EPOCH.*|EUID|FUNCNAME|GROUPS|HISTCMD|LINENO|MAPFILE|PPID|RANDOM|SECONDS|SHELLOPTS|SHLVL|SRANDOM|UID|_)$/;

const SHELLS_OWN = 'this variable is the one of the shell on the VM';

/** With the one of this workstation the VM finds neither cabal nor GHC. */
const PATH_REFUSED = {
  problem: 'PATH names directories of the VM, and without its own there is no cabal',
  remedy: "leave it out; `buildfleet exec VM -- sh -c 'PATH=DIRECTORY:$PATH COMMAND'` adds to it for one command",
};

/** Variables for a command on a VM, by name. */
export type Variables = ReadonlyMap<string, string>;

/** One entry of a list; without a value it stands for that of our own environment. */
export interface ListedVariable {
  readonly name: string;
  readonly value: string | undefined;
}

/**
 * Variables that a command gets: of the user's list (`~/.config/buildfleet/env`), of the project's ({@link
 * ENVIRONMENT_FILE}) and of the command line, where the later one wins. The project gets no value of our environment that
 * the user does not name: it may come from elsewhere.
 *
 * @param root absolute path of the project; undefined where there is none
 * @param given values of `--env`
 * @throws FleetError `usage` or `environment-refused`
 */
export function variablesOf(
  { environment, home, terminal }: Pick<Context, 'environment' | 'home' | 'terminal'>,
  root: string | undefined,
  given: readonly string[] = [],
): Variables {
  const variables = new Map<string, string>();
  const take = ({ name, value = environment[name] }: ListedVariable): boolean => {
    if (value !== undefined) variables.set(name, value);
    return value !== undefined;
  };
  const config = join(environment['XDG_CONFIG_HOME'] || join(home, '.config'), 'buildfleet/env');
  for (const entry of parseEnvironmentFile(readFile(config, false), config)) take(entry);
  if (root !== undefined) {
    const place = join(root, ENVIRONMENT_FILE);
    const named = new Set([...variables.keys(), ...given.map((text) => text.split('=', 1)[0])]);
    for (const entry of parseEnvironmentFile(readFile(place, true), place)) {
      if (entry.value !== undefined) take(entry);
      else if (!named.has(entry.name) && environment[entry.name] !== undefined)
        terminal.message(
          `not passed: ${entry.name} of ${ENVIRONMENT_FILE}: \`--env ${entry.name}\`, or a line ${entry.name} in ${config}, allows it`,
        );
    }
  }
  for (const text of given) {
    const entry = parseVariable(text);
    if (typeof entry !== 'string' && entry.name === 'PATH')
      throw refused('usage', PATH_REFUSED.problem, 'PATH', '--env', PATH_REFUSED.remedy);
    if (typeof entry === 'string') throw refused('usage', entry, text.split('=', 1)[0], '--env', remedyFor(text));
    if (!take(entry)) throw refused('usage', 'this variable is not set here', entry.name, '--env');
  }
  const bytes = [...variables].reduce((sum, [name, value]) => sum + Buffer.byteLength(name + value) + 2, 0);
  if (bytes > MOST_BYTES) throw refused('environment-refused', `this is more than ${MOST_BYTES / 2 ** 20} MiB`, bytes);
  return variables;
}

/**
 * Reads `NAME=VALUE` or `NAME` a line. A value is everything up to the end of its line; empty lines, and those that begin
 * with `#`, say nothing.
 *
 * @param place path of the file, for errors
 * @throws FleetError `environment-refused`
 */
export function parseEnvironmentFile(text: string, place: string): readonly ListedVariable[] {
  return text.split('\n').flatMap((line, index) => {
    const bare = line.replace(/\r$/, '');
    if (bare.trim() === '' || bare.trimStart().startsWith('#')) return [];
    const entry = parseVariable(bare);
    const at = `${place}:${index + 1}`;
    if (typeof entry !== 'string' && entry.name === 'PATH')
      throw refused('environment-refused', PATH_REFUSED.problem, 'PATH', at, PATH_REFUSED.remedy);
    if (typeof entry !== 'string') return [entry];
    // The value may be a secret, and so may a line without a name.
    const name = bare.includes('=') ? bare.split('=', 1)[0] : undefined;
    throw refused('environment-refused', entry, name, at, remedyFor(bare));
  });
}

/** `NAME=VALUE` or `NAME`, or what is wrong with it. */
function parseVariable(text: string): ListedVariable | string {
  const at = text.indexOf('=');
  const name = at === -1 ? text.trim() : text.slice(0, at);
  const value = at === -1 ? undefined : text.slice(at + 1);
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,255}$/.test(name)) return 'this is not the name of an environment variable';
  if (OF_BASH.test(name)) return SHELLS_OWN;
  if (value?.includes('\0') === true) return 'a value cannot have a null byte';
  return { name, value };
}

function remedyFor(text: string): string | undefined {
  if (text.startsWith('\uFEFF')) return 'save the file without a byte order mark (BOM)';
  if (/^\s*export\s/.test(text)) return 'leave out `export`: a line is NAME=VALUE, and no shell reads it';
  if (OF_BASH.test(text.split('=', 1)[0]?.trim() ?? '')) return 'leave it out: the VM sets it';
  return undefined;
}

/** Empty where there is none. The file of a project is not read through a link, because its lines become known to the VM. */
function readFile(place: string, isOfProject: boolean): string {
  let file: number;
  try {
    file = openSync(place, constants.O_RDONLY | constants.O_NONBLOCK | (isOfProject ? constants.O_NOFOLLOW : 0));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return '';
    throw refused('environment-refused', `this cannot be read (${code})`, undefined, place);
  }
  try {
    const status = fstatSync(file);
    if (!status.isFile() || status.size > LARGEST)
      throw refused('environment-refused', `this is not a file of at most ${LARGEST / 1024} KiB`, undefined, place);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

function refused(
  code: 'usage' | 'environment-refused',
  problem: string,
  value: string | number | undefined,
  place?: string,
  remedy = 'give NAME, to pass on what it is here, or NAME=VALUE',
): FleetError {
  return new FleetError({
    code,
    problem,
    ...(place === undefined ? {} : { place }),
    ...(value === undefined ? {} : { value: typeof value === 'string' ? visibleName(value) : value }),
    remedy,
  });
}
