import { FleetError } from '../../model/errors';

/** What builds leave and what belongs to the version control. Not sent unless a line of the ignore file names it. */
const BUILT_IN = ['.git', 'dist-newstyle', '.stack-work', '*.o', '*.hi'] as const;
type BuiltIn = (typeof BUILT_IN)[number];

/** Sent where git ignores them: cabal does not build, or builds something else, without. */
const NEEDED_BY_CABAL = ['cabal.project', 'cabal.project.local', 'cabal.project.freeze', '*.cabal'] as const;

/**
 * May hold passwords: of remotes, in addresses that a command was given, of other tools that keep things there. Never
 * sent, not even with a `.git` that is; nor is what would be executed.
 */
const PRIVATE_TO_GIT = ['config', 'config.worktree', 'logs', 'hooks', 'FETCH_HEAD', 'annex', 'lfs', 'svn'];
const NEVER_SENT = [
  ...['.git/worktrees', ...PRIVATE_TO_GIT.map((name) => `.git/${name}`)],
  ...PRIVATE_TO_GIT.map((name) => `.git/modules/**/${name}`),
];

/** Name of the file in a project's root that says what else is not sent, and what is sent nevertheless. */
export const IGNORE_FILE = '.buildfleetignore';

/**
 * Name of the file that `assets/cli/receive.sh` puts into a directory that cabal has built in, there. Its patterns are for
 * the receiving side alone: nothing in that directory is deleted.
 */
const BUILT_MARK = '.buildfleet-built';

/** Every further one doubles the rules of rsync, which has no pattern for "nothing or any number of directories". */
const MOST_GAPS = 4;
const MOST_RULES = 2000;
/** rsync drops longer rules. */
const LONGEST_LINE = 1024;

/** What was found out about paths of one project, each relative to its root; directories may end with a slash. */
export interface KnownPaths {
  /** Neither sent nor deleted on the machine, before all other rules: what was fetched, and what cabal has built here. */
  readonly products: readonly string[];
  /** Not sent, and deleted on the machine. */
  readonly unsent: readonly string[];
  /** Not sent, and not deleted on the machine, as far as the ignore file says nothing else. */
  readonly ignored: readonly string[];
  /** Sent although a built-in rule matches, as far as the ignore file says nothing else. */
  readonly tracked: readonly string[];
}

/**
 * Filter rules of rsync, the first match counts.
 *
 * @param ignoreFile content of the project's {@link IGNORE_FILE}: patterns as in a `.gitignore`, where the last match
 * counts; one that begins with `!` also brings back what git ignores, and a built-in rule that it names
 * @param place path of the file, for errors
 * @throws FleetError `ignore-file-refused`
 */
export function filterRules(
  ignoreFile: string,
  { products, unsent, ignored, tracked }: KnownPaths = { products: [], unsent: [], ignored: [], tracked: [] },
  place: string = IGNORE_FILE,
): string[] {
  const patterns = parseIgnoreFile(ignoreFile, place);
  const named = BUILT_IN.filter((builtIn) => patterns.some((pattern) => bringsBack(pattern, builtIn)));
  // A wildcard such as `!*/` shall not bring back all that is built, so rules that no line names come before the lines.
  const late = BUILT_IN.filter(
    (builtIn) => named.includes(builtIn) || tracked.some((path) => path.endsWith(builtIn.slice(1))),
  );
  const early = BUILT_IN.filter((builtIn) => !late.includes(builtIn));
  const own = patterns.reverse().flatMap((pattern) => toRules(pattern));
  if (own.length > MOST_RULES) throw tooMuch(`it makes more than ${MOST_RULES} rules for rsync`, place);
  return [
    ...products.map((path) => `- ${exactly(path)}`),
    `dir-merge,-r ${BUILT_MARK}`,
    ...BUILT_IN.flatMap((builtIn) => protection(builtIn, named.includes(builtIn))),
    ...NEVER_SENT.map((pattern) => `H ${pattern}`),
    ...unsent.map((path) => `H ${exactly(path)}`),
    ...early.map((pattern) => `H ${pattern}`),
    ...own,
    ...tracked.map((path) => `S ${exactly(path)}`),
    ...late.map((pattern) => `H ${pattern}`),
    ...(ignored.length === 0 ? [] : NEEDED_BY_CABAL.map((pattern) => `+ ${pattern}`)),
    ...ignored.map((path) => `- ${exactly(path)}`),
  ];
}

/** Whether a line of an ignore file asks for the repository. */
export function bringsBackGit(ignoreFile: string): boolean {
  return parseIgnoreFile(ignoreFile, IGNORE_FILE).some((pattern) => bringsBack(pattern, '.git'));
}

/** What is built on the machine stays there. A repository that is sent is sent as it is. */
function protection(builtIn: BuiltIn, named: boolean): string[] {
  if (builtIn === '.git' && named) return [];
  return builtIn.startsWith('*') ? [`P ${builtIn}`] : [`P ${builtIn}/***`];
}

/** Whether a pattern names what a built-in rule excludes, instead of including it among other things. */
function bringsBack({ include, text }: Pattern, builtIn: BuiltIn): boolean {
  if (!include) return false;
  const name = text.replace(/\/$/, '').split('/').at(-1);
  return builtIn.startsWith('*') ? name?.endsWith(builtIn.slice(1)) === true : name === builtIn;
}

/** A pattern for exactly one path; special characters in its name are escaped. rsync takes a backslash for itself where there is no wildcard. */
function exactly(path: string): string {
  return `/${/[*?[]/.test(path) ? path.replace(/[\\*?[]/g, '\\$&') : path}`;
}

function parseIgnoreFile(text: string, place: string): Pattern[] {
  return text.split('\n').flatMap((line, index) => {
    const pattern = parsePattern(line);
    if (pattern === undefined) return [];
    const at = `${place}:${index + 1}`;
    if (line.length > LONGEST_LINE) throw tooMuch(`this line is longer than ${LONGEST_LINE} characters`, at);
    if (onlyWholeStars(pattern.text).split('/**/').length - 1 > MOST_GAPS)
      throw tooMuch(`this pattern has more than ${MOST_GAPS} times /**/`, at);
    return [pattern];
  });
}

function tooMuch(problem: string, place: string): FleetError {
  return new FleetError({
    code: 'ignore-file-refused',
    problem,
    place,
    remedy: 'write it shorter: a name without a slash matches in every directory',
  });
}

interface Pattern {
  readonly include: boolean;
  readonly text: string;
}

/** One line, or nothing for an empty one or a comment. */
function parsePattern(line: string): Pattern | undefined {
  const text = withoutTrailingSpaces(line.replace(/\r$/, ''));
  if (text === '' || text.startsWith('#')) return undefined;
  return text.startsWith('!') ? { include: true, text: text.slice(1) } : { include: false, text };
}

/** A space at the end counts only behind a backslash. */
function withoutTrailingSpaces(line: string): string {
  const bare = line.replace(/ +$/, '');
  const backslashes = /\\*$/.exec(bare)?.[0].length ?? 0;
  return backslashes % 2 === 1 && bare.length < line.length ? `${bare} ` : bare;
}

function toRules({ include, text }: Pattern): string[] {
  const directoryOnly = text.endsWith('/');
  const path = directoryOnly ? text.slice(0, -1) : text;
  if (path === '') return [];
  const rule = include ? '+' : '-';
  return expand(path).map((pattern) => `${rule} ${pattern}${directoryOnly ? '/' : ''}`);
}

/** Patterns of rsync for one of git: a slash anywhere but at the end ties it to the root, and `**` may be nothing. */
function expand(path: string): string[] {
  const plain = onlyWholeStars(path);
  const anywhere = /^\/?\*\*\//.test(plain);
  const rest = plain.replace(anywhere ? /^\/?\*\*\// : /^\//, '');
  const anchor = anywhere || !plain.includes('/') ? '' : '/';
  return middles(rest).map((pattern) => escapeForRsync(`${anchor}${pattern}`));
}

/** Two stars that are not a whole component are one star, and one such component after another says nothing more. */
function onlyWholeStars(path: string): string {
  const oneStar = (component: string) =>
    component.replace(/(\\.)|\*\*+/g, (_, escaped: string | undefined) => escaped ?? '*');
  return path
    .split('/')
    .map((component) => (/^\*\*+$/.test(component) ? '**' : oneStar(component)))
    .filter((component, index, all) => component !== '**' || all[index + 1] !== '**')
    .join('/');
}

/** A `**` between two slashes stands for nothing or for any number of directories. */
function middles(path: string): string[] {
  const at = path.indexOf('/**/');
  if (at === -1) return [path];
  const [head, tail] = [path.slice(0, at), path.slice(at + 4)];
  return middles(tail).flatMap((end) => [`${head}/${end}`, `${head}/**/${end}`]);
}

/** rsync takes a backslash for itself where a pattern has no wildcard, not even an escaped one. */
function escapeForRsync(pattern: string): string {
  return /[*?[]/.test(pattern) ? pattern : pattern.replace(/\\(.)/g, '$1');
}
