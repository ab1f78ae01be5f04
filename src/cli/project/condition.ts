/** What conditions of a `cabal.project` are about. */
export interface Circumstances {
  /** Version of GHC; undefined where none is known yet, and then conditions that ask for it have no answer. */
  readonly ghc: string | undefined;
}

/** Every build machine is one of these. */
const OS = 'linux';
const ARCH = 'x86_64';

/**
 * Whether a condition holds, as cabal has it: `os`, `arch` and `impl`, with `!`, `&&`, `||` and parentheses.
 *
 * @returns undefined for what cannot be told here, as a flag or text that is no condition
 */
export function evaluate(condition: string, circumstances: Circumstances): boolean | undefined {
  const parser = new Parser(condition, circumstances);
  const value = parser.either();
  return parser.isAtEnd ? value : undefined;
}

class Parser {
  private rest: string;

  constructor(
    text: string,
    private readonly circumstances: Circumstances,
  ) {
    this.rest = text.trim();
  }

  get isAtEnd(): boolean {
    return this.rest === '';
  }

  either(): boolean | undefined {
    let value = this.both();
    while (this.take(/^\|\|/) !== undefined) value = or(value, this.both());
    return value;
  }

  private both(): boolean | undefined {
    let value = this.one();
    while (this.take(/^&&/) !== undefined) value = and(value, this.one());
    return value;
  }

  private one(): boolean | undefined {
    if (this.take(/^!/) !== undefined) return not(this.one());
    if (this.take(/^\(/) !== undefined) {
      const value = this.either();
      return this.take(/^\)/) === undefined ? undefined : value;
    }
    const call = this.take(/^(os|arch|impl|flag)\s*\(\s*([^()]*?)\s*\)/i);
    if (call !== undefined) return this.answer(call[1]?.toLowerCase(), call[2] ?? '');
    const word = this.take(/^(true|false)\b/i);
    return word === undefined ? undefined : word[0].toLowerCase() === 'true';
  }

  private answer(question: string | undefined, subject: string): boolean | undefined {
    if (question === 'os') return subject.toLowerCase() === OS;
    if (question === 'arch') return subject.toLowerCase() === ARCH;
    const [, compiler, range = ''] = /^([a-z][a-z0-9-]*)\s*(.*)$/i.exec(subject) ?? [];
    if (question !== 'impl' || compiler === undefined) return undefined;
    if (compiler.toLowerCase() !== 'ghc') return false;
    if (range === '') return true;
    return this.circumstances.ghc === undefined ? undefined : isInRange(this.circumstances.ghc, range);
  }

  private take(pattern: RegExp): RegExpExecArray | undefined {
    const found = pattern.exec(this.rest) ?? undefined;
    if (found !== undefined) this.rest = this.rest.slice(found[0].length).trimStart();
    return found;
  }
}

function not(value: boolean | undefined): boolean | undefined {
  return value === undefined ? undefined : !value;
}

function and(one: boolean | undefined, other: boolean | undefined): boolean | undefined {
  if (one === false || other === false) return false;
  return one === undefined || other === undefined ? undefined : true;
}

function or(one: boolean | undefined, other: boolean | undefined): boolean | undefined {
  return not(and(not(one), not(other)));
}

/** Alternatives of conjunctions of comparisons: parentheses do not occur in what is given here. */
function isInRange(version: string, range: string): boolean | undefined {
  return range
    .split('||')
    .map((part) => part.split('&&').map((comparison) => compares(version, comparison.trim())))
    .map((part) => part.reduce<boolean | undefined>(and, true))
    .reduce<boolean | undefined>(or, false);
}

function compares(version: string, comparison: string): boolean | undefined {
  const [, operator = '', bound = '', wildcard] =
    /^(==|>=|<=|>|<|\^>=)\s*(\d+(?:\.\d+)*)(\.\*)?$/.exec(comparison) ?? [];
  const difference = compareVersions(version, bound);
  if (wildcard !== undefined) return operator === '==' ? `${version}.`.startsWith(`${bound}.`) : undefined;
  switch (operator) {
    case '==':
      return difference === 0;
    case '>=':
      return difference >= 0;
    case '<=':
      return difference <= 0;
    case '>':
      return difference > 0;
    case '<':
      return difference < 0;
    case '^>=': {
      const [first = '0', second = '0'] = bound.split('.');
      return difference >= 0 && compareVersions(version, `${first}.${Number(second) + 1}`) < 0;
    }
    default:
      return undefined;
  }
}

/** A longer one of two that begin alike is the later one, as with cabal. */
function compareVersions(one: string, other: string): number {
  const [left, right] = [one.split('.').map(Number), other.split('.').map(Number)];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? -1) - (right[at] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}
