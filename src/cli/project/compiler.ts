import type { ProjectSetting } from './cabal-project';
import { evaluate } from './condition';

/** The compiler that a project or a command line asks for. */
export interface WantedCompiler {
  readonly version: string;
  /** Whether it names a program by a path, which is one of this workstation. */
  readonly isPath: boolean;
  /** `FILE:LINE`, or the option. */
  readonly place: string;
}

/**
 * The GHC that `with-compiler` asks for: undefined where no version is in its name. The last one counts. cabal puts
 * what stands in conditional blocks behind all else, and decides conditions about the compiler by the one that it would
 * have if all of them held.
 */
export function compilerOf(settings: readonly ProjectSetting[]): WantedCompiler | undefined {
  const values = settings.filter(({ name }) => name === 'with-compiler');
  const inOrder = [
    ...values.filter(({ conditions }) => conditions.length === 0),
    ...values.filter(({ conditions }) => conditions.length > 0),
  ];
  const ghc = wanted(inOrder.at(-1))?.version;
  const last = inOrder.findLast(({ conditions }) =>
    conditions.every(({ text, holds }) => evaluate(text, { ghc }) === holds),
  );
  return wanted(last);
}

function wanted(setting: Pick<ProjectSetting, 'value' | 'place'> | undefined): WantedCompiler | undefined {
  if (setting === undefined) return undefined;
  const value = setting.value.replace(/^"(.*)"$/s, '$1');
  const isPath = value.includes('/');
  // The name of the program, else of the directory that it is installed in.
  const [version] = [...value.matchAll(/(?<![a-z])ghc[-/](\d+(?:\.\d+)+)(?=$|[/-])/g)]
    .map((found) => found[1])
    .slice(-1);
  return version === undefined ? undefined : { version, isPath, place: setting.place };
}

/** Options of cabal that name the compiler, with the value in the same word or in the next one. */
const COMPILER = /^(?:-w|--with-compiler=|--with-ghc=)(.+)$/s;
const COMPILER_BEFORE = /^(?:-w|--with-compiler|--with-ghc)$/;

/**
 * The compiler that options for cabal ask for, the last of them, and the arguments without these options; those that
 * name no version stay.
 *
 * @param args for cabal; what stands behind `--` is for the program that it runs
 */
export function compilerOfArguments(args: readonly string[]): {
  readonly compiler: WantedCompiler | undefined;
  /** Whether they name any compiler, be it without a version. */
  readonly isGiven: boolean;
  readonly others: readonly string[];
} {
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const others: string[] = [];
  let compiler: WantedCompiler | undefined;
  let hasOther = false;
  const words = args.slice(0, end);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const value = COMPILER.exec(word)?.[1] ?? (COMPILER_BEFORE.test(word) ? words.shift() : undefined);
    if (value === undefined) others.push(word);
    else {
      compiler = wanted({ value, place: word.replace(/^(-w|--[a-z-]+).*$/s, '$1') });
      hasOther ||= compiler === undefined;
    }
  }
  const isGiven = compiler !== undefined || hasOther;
  if (compiler === undefined || hasOther) return { compiler, isGiven, others: args };
  return { compiler, isGiven, others: [...others, ...args.slice(end)] };
}
