import { FleetError } from '../../model/errors';

/**
 * A pattern of `fetch --path`, as bash reads it on the VM with `globstar` and `dotglob`: `*`, `?`, `[…]`, and `**` for any
 * number of directories. What matches a directory matches all in it. A path that is the pattern itself matches, too.
 *
 * @returns tells whether a path, relative to the project, matches: the VM's own word is not taken for that
 * @throws FleetError `usage` for a pattern that leads out of the project, or into `.git`
 */
export function pathPattern(pattern: string): (path: string) => boolean {
  const components = pattern.split('/').filter((one) => one !== '' && one !== '.');
  if (pattern.startsWith('/') || components.length === 0 || components.some((one) => one === '..' || isGit(one))) {
    throw new FleetError({
      code: 'usage',
      problem: 'the pattern is no path in the project',
      value: pattern,
      remedy: "write it as it is seen from the project's root, such as --path 'test/golden/*.txt'",
    });
  }
  const expression = components
    .map((one, index) => {
      if (one === '**') return index === components.length - 1 ? '.+' : '(?:[^/]+/)*';
      return `${componentExpression(one)}${index === components.length - 1 ? '' : '/'}`;
    })
    .join('');
  const matcher = new RegExp(`^${expression}(?:/.+)?$`, 's');
  const literal = components.join('/');
  return (path) => {
    const parts = path.split('/');
    const isMeant = matcher.test(path) || path === literal || path.startsWith(`${literal}/`);
    return isMeant && !parts.some((one) => one === '' || one === '.' || one === '..' || isGit(one));
  };
}

function componentExpression(text: string): string {
  return text.replace(/\\(.)|\[([!^]?)(\]?[^\]]*)\]|\*+|\?|[.+^${}()|[\]\\]/gs, (found, literal, not, set) => {
    if (typeof literal === 'string') return literal.replace(/[^\p{L}\p{N}]/u, '\\$&');
    if (typeof set === 'string') return `(?!/)[${not === '' ? '' : '^'}${set.replace(/[\\[\]&~|]/g, '\\$&')}]`;
    if (found.startsWith('*')) return '[^/]*';
    return found === '?' ? '[^/]' : `\\${found}`;
  });
}

function isGit(component: string): boolean {
  return component.toLowerCase() === '.git';
}
