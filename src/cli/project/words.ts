import { realpathSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { FleetError, isFleetError } from '../../model/errors';
import { expandHome } from '../../model/paths';
import { entries, findProject, isDirectory, isPackage, type Project } from './find-project';

/** A project, and what of it is meant. */
export interface Meant {
  readonly project: Project;
  /** Targets as cabal has them, seen from the package directory of the project. */
  readonly targets: readonly string[];
  /** Whether the package that holds the given directory is meant, and no other of its project. */
  readonly isOnePackage: boolean;
}

interface Place {
  readonly cwd: string;
  readonly home: string;
}

/**
 * What words in front of `--` mean. One that is a path, or the name of a directory with a package or a `cabal.project`
 * in it, stands for that directory; any other one is a target for cabal in the project around the working directory.
 *
 * @throws FleetError `usage` for directories of two projects; those of `findProject`
 */
export function understandWords(typed: readonly string[], place: Place): Meant {
  const words = typed.map((word) => insideProject(word, place));
  const directories = words.filter((word) => isForDirectory(word, place));
  const [option] = directories;
  const project = findProject({ ...place, option, cabal: true });
  if (words.length === 1 && option !== undefined)
    return { project, targets: [], isOnePackage: project.packageDirectory !== '' };
  for (const other of directories.slice(1)) {
    if (findProject({ ...place, option: other, cabal: true }).root !== project.root) throw twoProjects(other);
  }
  const from = join(project.root, project.packageDirectory);
  const targets = words.flatMap((word) => {
    if (!directories.includes(word)) return [word];
    const path = realpathSync(resolve(place.cwd, expandHome(word, place.home)));
    // The project itself says where the targets are, and is none of them.
    return path === project.root ? [] : [`./${relative(from, path)}`];
  });
  return { project, targets, isOnePackage: false };
}

/** A path that leads upwards, but not out of the project, is a harmless one: absolute instead. Other words stay. */
function insideProject(word: string, { cwd, home }: Place): string {
  if (!word.startsWith('../')) return word;
  const root = projectAround({ cwd, home })?.root;
  const path = resolve(realpathSync(cwd), word);
  return root !== undefined && path.startsWith(`${root}/`) ? path : word;
}

/** What looks like a path is meant as one, whether it is there or not. */
function isForDirectory(word: string, place: Place): boolean {
  if (word === '' || word === '.' || word === '..' || /^[~/]|^\.\.?\//.test(word)) return true;
  const path = resolve(place.cwd, word);
  if (!isDirectory(path)) return word.includes('/') && !word.includes(':');
  // In a project the bare name of a directory with sources alone is a target that cabal knows, or tells about.
  const isProject = entries(path).some((name) => name === 'cabal.project' || isPackage(name));
  return isProject || projectAround(place) === undefined;
}

function projectAround(place: Place): Project | undefined {
  try {
    return findProject({ ...place, option: undefined, cabal: true });
  } catch (error) {
    if (isFleetError(error)) return undefined;
    throw error;
  }
}

function twoProjects(value: string): FleetError {
  return new FleetError({
    code: 'usage',
    problem: 'one project at a time',
    value,
    remedy: 'name directories of one project, or its targets; options for cabal stand behind --',
  });
}
