/** Never sent: what builds leave and what belongs to the version control. On the machine they stay as they are. */
const ALWAYS_IGNORED = ['.git', 'dist-newstyle', '.stack-work', '*.o', '*.hi'] as const;

/** Name of the file in a project's root that lists further files that are not sent. */
export const IGNORE_FILE = '.buildfleetignore';

/**
 * Filter rules of rsync, the first match counts.
 *
 * @param ignoreFile content of the project's {@link IGNORE_FILE}: patterns as in a `.gitignore`, where the last match counts
 */
export function filterRules(ignoreFile: string): string[] {
  const own = ignoreFile
    .split('\n')
    .map(parsePattern)
    .filter((pattern) => pattern !== undefined)
    .reverse()
    .flatMap((pattern) => toRules(pattern));
  return [...ALWAYS_IGNORED.map((pattern) => `- ${pattern}`), ...own];
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
