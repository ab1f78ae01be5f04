import { statSync } from 'node:fs';
import { dirname, join, normalize, relative, resolve, sep } from 'node:path';
import { FleetError } from '../../model/errors';
import { type Condition, importedFile, type ProjectSetting } from './cabal-project';
import { evaluate } from './condition';
import { entries, HPACK_FILE, isDirectory, isCabalFile, realOrSame } from './find-project';
import { visibleName } from './visible-name';

/** A place that a project names and that is not below its root. */
interface Outside {
  /** As the file has it. */
  readonly given: string;
  /** Absolute paths that it stands for. */
  readonly directories: readonly string[];
  readonly setting: ProjectSetting;
}

/**
 * Refuses a project that cannot be built there because it consists of more than is sent: packages and imported files
 * outside of its root. What is not there is left for cabal to tell.
 *
 * @returns what is outside and can be done without, or is for some compilers, one line each
 * @throws FleetError `packages-outside`
 */
export function checkPackages(root: string, home: string, settings: readonly ProjectSetting[]): readonly string[] {
  const outside = settings
    .filter(({ conditions }) => conditions.every((one) => holdsHere(one) !== false))
    .flatMap((setting) => outsideOf(root, setting));
  const needed = outside.filter(
    ({ setting }) => setting.name !== 'optional-packages' && setting.conditions.every((one) => holdsHere(one) === true),
  );
  if (needed.length > 0) throw refused(root, home, settings, needed);
  return outside.map(
    ({ given, setting }) =>
      `not sent: ${visibleName(given)} (${visibleName(setting.place)}): it is outside of the project`,
  );
}

/** Undefined where only the compiler decides. */
function holdsHere({ text, holds }: Condition): boolean | undefined {
  const value = evaluate(text, { ghc: undefined });
  return value === undefined ? undefined : value === holds;
}

/** Directories of the packages of a project, absolute and below its root. */
export function packageDirectories(root: string, settings: readonly ProjectSetting[]): readonly string[] {
  const lists = settings.filter(({ name }) => name === 'packages' || name === 'optional-packages');
  const tokens = lists.some(({ name }) => name === 'packages')
    ? lists.flatMap(tokensOf)
    : ['./', ...lists.flatMap(tokensOf)];
  const found = tokens.flatMap((token) => directoriesOf(root, token)).filter((path) => isWithin(root, path));
  return [...new Set(found)];
}

function outsideOf(root: string, setting: ProjectSetting): Outside[] {
  if (setting.name === 'import') {
    const file = importedFile(setting);
    if (file === undefined || isWithin(root, file) || !exists(file)) return [];
    return [{ given: setting.value, directories: [dirname(file)], setting }];
  }
  if (setting.name !== 'packages' && setting.name !== 'optional-packages') return [];
  return tokensOf(setting).flatMap((given): Outside[] => {
    const directories = directoriesOf(root, given).filter((path) => !isWithin(root, path));
    return directories.length === 0 ? [] : [{ given, directories, setting }];
  });
}

/** The places in a list of packages: separated by blanks or commas, some in quotes; addresses are left out. */
function tokensOf({ value }: ProjectSetting): string[] {
  const words = value.match(/"(?:[^"\\]|\\.)*"|(?:\{[^{}]*\}|[^\s,{}])+/g) ?? [];
  return words
    .map((word) => (word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word))
    .filter((word) => !/^[a-z][a-z0-9+.-]*:\/\//i.test(word));
}

/** Directories that a pattern of cabal stands for: of a `.cabal` file or an archive the one that holds it. */
function directoriesOf(root: string, token: string): string[] {
  const path = normalize(resolve(root, token));
  // A package that is described to hpack has no such file here.
  const isFile = path.endsWith('.cabal') || path.endsWith('.tar.gz');
  return expand(sep, (isFile ? dirname(path) : path).split(sep).filter(Boolean)).filter(isDirectory);
}

function expand(directory: string, [component, ...others]: readonly string[]): string[] {
  if (component === undefined) return [directory];
  if (!/[*{]/.test(component)) return expand(join(directory, component), others);
  const pattern = new RegExp(
    `^${component
      .split(/(\*|\{[^{}]*\})/)
      .map(asPattern)
      .join('')}$`,
    's',
  );
  return entries(directory)
    .filter((name) => !name.startsWith('.') && pattern.test(name))
    .flatMap((name) => expand(join(directory, name), others));
}

function asPattern(part: string): string {
  if (part === '*') return '.*';
  if (part.startsWith('{'))
    return `(?:${part
      .slice(1, -1)
      .split(',')
      .map((one) => one.split('*').map(literal).join('.*'))
      .join('|')})`;
  return literal(part);
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function refused(
  root: string,
  home: string,
  settings: readonly ProjectSetting[],
  needed: readonly Outside[],
): FleetError {
  const files = [...new Set(needed.map(({ setting }) => setting.place))];
  const given = [...new Set(needed.map((one) => one.given))].map(visibleName);
  return new FleetError({
    code: 'packages-outside',
    problem: `what is outside of the project is not sent, and it consists of ${given.join(', ')} (${files.map((place) => relative(root, place)).join(', ')})`,
    place: root,
    remedy: remedyOf(
      root,
      home,
      settings,
      needed.flatMap(({ directories }) => directories),
    ),
  });
}

function remedyOf(
  root: string,
  home: string,
  settings: readonly ProjectSetting[],
  directories: readonly string[],
): string {
  const top = directories.reduce(commonAncestor, root);
  const homes = [home, realOrSame(home)];
  if (top === sep || homes.some((one) => isWithin(top, one)))
    return 'put both into one directory that is not your home, with the cabal.project in it';
  const inside = packageDirectories(root, settings);
  const packages = [...new Set([...inside, ...directories.filter((path) => !isWithin(root, path))])]
    .map((path) => relative(top, path) || '.')
    .sort();
  return `make ${top} the project: move ${join(root, 'cabal.project')} there, with \`packages: ${packages.join(' ')}\``;
}

function commonAncestor(one: string, other: string): string {
  let top = one;
  while (!isWithin(top, other)) top = dirname(top);
  return top;
}

function isWithin(directory: string, path: string): boolean {
  return path === directory || path.startsWith(directory === sep ? sep : `${directory}${sep}`);
}

/** Those of packages that are described to hpack and have no `.cabal` file, relative to the project's root. */
export function hpackDirectories(root: string, settings: readonly ProjectSetting[]): readonly string[] {
  return packageDirectories(root, settings)
    .filter((directory) => {
      const names = entries(directory);
      return names.includes(HPACK_FILE) && !names.some(isCabalFile);
    })
    .map((directory) => relative(root, directory));
}

function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}
