import { lstatSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { FleetError } from '../../model/errors';
import { CommandError, type Run } from '../../process/run';
import { visibleName } from './visible-name';

/** What git says of a directory. Paths are relative to it; those of directories end with a slash. */
export interface GitPaths {
  /** Absolute path of the work tree; undefined where there is none that git knows. */
  readonly top: string | undefined;
  /** Whether it ignores the directory itself, and so everything in it. */
  readonly ignoresAll: boolean;
  /** What is there, not tracked, and ignored. */
  readonly ignored: readonly string[];
  /** What is tracked and has the name of a build product. */
  readonly tracked: readonly string[];
  /** Why git could not be asked, where there seems to be a repository. */
  readonly remark?: string;
}

/** What `git rev-parse --local-env-vars` lists: it would have git look at another repository. */
const LOCAL_VARIABLES = [
  ...['GIT_ALTERNATE_OBJECT_DIRECTORIES', 'GIT_COMMON_DIR', 'GIT_DIR', 'GIT_GRAFT_FILE', 'GIT_IMPLICIT_WORK_TREE'],
  ...['GIT_INDEX_FILE', 'GIT_NAMESPACE', 'GIT_NO_REPLACE_OBJECTS', 'GIT_OBJECT_DIRECTORY', 'GIT_PREFIX'],
  ...['GIT_REPLACE_REF_BASE', 'GIT_SHALLOW_FILE', 'GIT_WORK_TREE'],
];

/**
 * The configuration of a repository is that of whom it came from, and some of it names programs. Objects that are missing
 * would be fetched, by programs as well.
 */
const HARMLESS = [
  ...['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', '-c', 'submodule.recurse=false'],
  ...['-c', 'protocol.allow=never', '--no-pager'],
];
const HARMLESS_ENVIRONMENT = {
  GIT_OPTIONAL_LOCKS: '0',
  GIT_NO_LAZY_FETCH: '1',
  GIT_ALLOW_PROTOCOL: 'none',
  GIT_TERMINAL_PROMPT: '0',
};

/** Longest that git may take. A repository can name a pipe as a list of patterns. */
const TIMEOUT_MS = 60_000;

/** Exit code of `env` for a program that is not there, of git for nothing found, and for what it refuses. */
const MISSING = 127;
const NO = 1;
const REFUSED = 128;

const NOT_A_REPOSITORY = /not a git repository/;

export interface GitTools {
  readonly run: Run;
  readonly signal: AbortSignal;
}

/** The work tree around a path, as far as the file system tells: the nearest directory above with a `.git`. */
export function workTreeAround(path: string): string | undefined {
  for (let directory = path; ; directory = dirname(directory)) {
    if (lstatSync(join(directory, '.git'), { throwIfNoEntry: false }) !== undefined) return directory;
    if (directory === dirname(directory)) return undefined;
  }
}

/**
 * Asks git what it ignores in a directory. Repositories in it are looked at by asking again, for each.
 *
 * @param directory absolute path without symbolic links
 * @throws FleetError `git-failed`
 */
export async function gitPaths(tools: GitTools, directory: string): Promise<GitPaths> {
  const top = workTreeAround(directory);
  const nothing = { top: undefined, ignoresAll: false, ignored: [], tracked: [] };
  if (top === undefined) return nothing;
  const list = (...args: string[]) => git(tools, top, directory, ['ls-files', '-z', ...args]);
  const [others, builds] = await Promise.all([
    list('--others', '--ignored', '--exclude-standard', '--directory'),
    list('--cached', '--ignored', '--exclude=*.o', '--exclude=*.hi'),
  ]);
  if (others.exitCode === MISSING)
    return { ...nothing, remark: 'git is not installed, so what .gitignore names is sent' };
  if (others.exitCode !== 0 && NOT_A_REPOSITORY.test(others.stderr))
    return { ...nothing, remark: `${visibleName(top)} is no repository to git, so what .gitignore names is sent` };
  // Asked in a directory deep inside an ignored one, git ends with an internal error.
  if (others.exitCode !== 0 && directory !== top && (await isIgnored(tools, directory)))
    return { ...nothing, top, ignoresAll: true };
  for (const { exitCode, stderr } of [others, builds]) if (exitCode !== 0) throw gitFailed(top, stderr);
  const ignored = paths(others.stdout);
  const ignoresAll = ignored.includes('./');
  return { top, ignoresAll, ignored: ignoresAll ? [] : outermost(ignored), tracked: paths(builds.stdout) };
}

/**
 * Whether git ignores one file or directory.
 *
 * @throws FleetError `git-failed`
 */
export async function isIgnored(tools: GitTools, path: string): Promise<boolean> {
  const directory = dirname(path);
  const top = workTreeAround(directory);
  if (top === undefined) return false;
  const { exitCode, stderr } = await git(tools, top, directory, ['check-ignore', '--quiet', '--', path]);
  if (exitCode === 0 || exitCode === NO) return exitCode === 0;
  if (exitCode === MISSING || NOT_A_REPOSITORY.test(stderr)) return false;
  throw gitFailed(top, stderr);
}

/**
 * Those of some paths that git ignores, whether there is anything at them or not. What git cannot tell is none of them.
 *
 * @param directory absolute path without symbolic links
 * @param changed relative to it
 */
export async function ignoredAmong(
  tools: GitTools,
  directory: string,
  changed: readonly string[],
): Promise<ReadonlySet<string>> {
  const byTree = new Map<string, string[]>();
  for (const path of changed) {
    const top = workTreeAround(dirname(join(directory, path)));
    if (top !== undefined) byTree.set(top, [...(byTree.get(top) ?? []), path]);
  }
  const ignored = new Set<string>();
  for (const [top, inTree] of byTree) {
    const byName = new Map(inTree.map((path) => [relative(top, join(directory, path)), path]));
    const { exitCode, stdout } = await git(tools, top, top, ['check-ignore', '-z', '--stdin'], {
      input: [...byName.keys()].join('\0'),
    });
    if (exitCode === 0) for (const name of paths(stdout)) ignored.add(byName.get(name) ?? name);
  }
  return ignored;
}

/**
 * Runs git so that it starts no other program and changes nothing.
 *
 * @param changes `variables` of its environment, and `input`
 * @returns exit codes of {@link MISSING}, {@link NO} and {@link REFUSED} as well
 * @throws FleetError `git-failed`
 */
export async function git(
  { run, signal }: GitTools,
  top: string,
  directory: string,
  args: readonly string[],
  { variables = {}, input }: { readonly variables?: Readonly<Record<string, string>>; readonly input?: string } = {},
) {
  try {
    const unset = LOCAL_VARIABLES.filter((name) => !(name in variables)).flatMap((name) => ['-u', name]);
    // The work tree that its configuration names may be any directory.
    const repository = ['-C', directory, `--work-tree=${top}`];
    return await run('env', [...unset, 'git', ...repository, ...HARMLESS, ...args], {
      ...(input === undefined ? {} : { input }),
      env: { ...HARMLESS_ENVIRONMENT, GIT_CEILING_DIRECTORIES: dirname(top), ...variables },
      acceptExitCodes: [0, NO, MISSING, REFUSED],
      timeout: TIMEOUT_MS,
      signal,
      ...(input === undefined ? {} : { input }),
    });
  } catch (error) {
    if (!(error instanceof CommandError) || error.cancelled) throw error;
    throw gitFailed(top, error.timedOut ? 'it does not answer' : error.stderr, undefined, error);
  }
}

function paths(output: string): string[] {
  return output.split('\0').filter((path) => path !== '');
}

/** A directory of which everything is ignored is listed beside that; it is not itself ignored. */
function outermost(ignored: readonly string[]): string[] {
  const holding = new Set<string>();
  for (const path of ignored) {
    for (let at = path.indexOf('/'); at !== -1 && at < path.length - 1; at = path.indexOf('/', at + 1))
      holding.add(path.slice(0, at + 1));
  }
  return ignored.filter((path) => !holding.has(path));
}

/** @param remedy default: that of a list of what is ignored */
export function gitFailed(
  top: string,
  said: string,
  remedy = 'try `git status` there, or send what it ignores as well, with --send-ignored',
  cause?: unknown,
): FleetError {
  const [line = ''] = said.trim().split('\n');
  return new FleetError({
    code: 'git-failed',
    problem: `git cannot be asked: ${visibleName(line.replace(/^fatal: /, '') || 'it says nothing')}`,
    place: top,
    remedy,
    cause,
  });
}
