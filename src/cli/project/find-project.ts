import { readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { FleetError, isFleetError } from '../../model/errors';
import { lazy } from '../../model/lazy';
import { expandHome } from '../../model/paths';

const stackFile = lazy<typeof import('./stack-file')>(() => require('./stack-file'));

/** A directory with sources, as the user means it. */
export interface Project {
  /** Absolute, without symbolic links. What is synchronised. */
  readonly root: string;
  /** Where commands run, relative to the root; empty for the root itself. It may be one that is not sent. */
  readonly subdirectory: string;
  /** Package that holds it, relative to the root: where cabal runs. Empty where the root is it, or none does. */
  readonly packageDirectory: string;
}

export interface ProjectSearch {
  /** As on the command line. Default: the project around the working directory. */
  readonly option: string | undefined;
  readonly cwd: string;
  readonly home: string;
  /** Whether there has to be something that cabal can build. */
  readonly cabal: boolean;
}

const REMEDY = 'name the directory that holds the sources of one project, or run the command in it';

/** Describes a package to hpack, which makes a `.cabal` file of it. */
export const HPACK_FILE = 'package.yaml';

/**
 * The project that a command is for, as cabal finds it: the nearest directory with a `cabal.project`, else with a `.cabal`
 * file or what hpack makes one of, from the given or the working directory upwards. Where there is none, it is that
 * directory itself.
 *
 * @throws FleetError `project-refused` for what must never be mirrored with deletion: nothing, the root of the file
 * system, a home, or what holds one; `project-not-found`; `project-not-cabal`
 */
export function findProject({ option, cwd, home, cabal }: ProjectSearch): Project {
  const here = option === undefined ? realpathSync(cwd) : checked(option, resolve(cwd, expandHome(option, home)), home);
  const found = nearest(here, home, (name) => name === 'cabal.project') ?? nearest(here, home, isPackage);
  if (found === undefined && cabal)
    throw notCabal(
      here,
      nearest(here, home, (name) => name === 'stack.yaml'),
    );
  const root = checked(option ?? cwd, found ?? here, home);
  const inside = nearest(here, home, isPackage);
  const isInRoot = inside !== undefined && `${inside}/`.startsWith(`${root}/`);
  return { root, subdirectory: relative(root, here), packageDirectory: isInRoot ? relative(root, inside) : '' };
}

function checked(given: string, path: string, home: string): string {
  const refuse = (problem: string) =>
    new FleetError({ code: 'project-refused', problem, place: path, value: given, remedy: REMEDY });
  if (given.trim() === '') throw refuse('the name of the project is empty');
  if (!isAbsolute(given) && given.split(sep).includes('..')) {
    realDirectory(given, path);
    throw refuse('the name of the project leads upwards');
  }
  const root = realDirectory(given, path);
  if (root === '/') throw refuse('the root of the file system is no project');
  const homes = [home, realOrSame(home)];
  if (homes.includes(root)) throw refuse('a home directory is no project');
  if (homes.some((one) => one.startsWith(`${root}/`))) throw refuse('a directory that holds a home is no project');
  return root;
}

function realDirectory(given: string, path: string): string {
  const problem = (what: string, cause?: unknown) =>
    new FleetError({ code: 'project-not-found', problem: what, place: path, value: given, remedy: REMEDY, cause });
  try {
    const root = realpathSync(path);
    if (!statSync(root).isDirectory()) throw problem('the project is not a directory');
    return root;
  } catch (cause) {
    if (isFleetError(cause)) throw cause;
    throw problem('there is no such directory', cause);
  }
}

/** The path without symbolic links, where there is one. */
export function realOrSame(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** The nearest directory above, itself included, with a matching file; a home and what is above it are not looked at. */
function nearest(from: string, home: string, matches: (name: string) => boolean): string | undefined {
  for (let directory = from; directory !== dirname(directory); directory = dirname(directory)) {
    if (directory === home || directory === realOrSame(home)) return undefined;
    if (entries(directory).some(matches)) return directory;
  }
  return undefined;
}

/** Whether a name is that of a file that describes a package to cabal. */
export function isCabalFile(name: string): boolean {
  return name.endsWith('.cabal') && name !== '.cabal';
}

/** Whether a name is that of a file that describes a package. */
export function isPackage(name: string): boolean {
  return isCabalFile(name) || name === HPACK_FILE;
}

/** Whether there is a directory, also behind a link. */
export function isDirectory(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    // Below a file, or closed to this account.
    return false;
  }
}

/** Names in a directory; none where it cannot be read. */
export function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** @param stack directory of a `stack.yaml` around it */
function notCabal(directory: string, stack: string | undefined): FleetError {
  if (stack !== undefined) {
    const packages = stackFile()
      .stackPackages(stack)
      .filter((one) => /[*?[{]/.test(one) || entries(join(stack, one)).some(isPackage));
    if (packages.length === 0) {
      return new FleetError({
        code: 'project-not-cabal',
        problem: 'there is a stack.yaml, which cabal does not read, and no package where it names one',
        place: stack,
        remedy: 'run this where the package is, with a .cabal file or a package.yaml, or make one: `cabal init` does',
      });
    }
    return new FleetError({
      code: 'project-not-cabal',
      problem: 'there is a stack.yaml, which cabal does not read, and neither a cabal.project nor a package',
      place: stack,
      remedy: `write ${join(stack, 'cabal.project')} with the line \`packages: ${packages.join(' ')}\``,
    });
  }
  return new FleetError({
    code: 'project-not-cabal',
    problem: 'there is neither a cabal.project nor a .cabal file',
    place: join(directory, ''),
    remedy: 'run this in a Haskell project, or name one; `buildfleet exec --project -- CMD…` runs any command',
  });
}
