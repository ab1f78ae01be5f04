/** Task for cabal. */
export type CabalTask = 'build' | 'test' | 'run' | 'bench' | 'haddock' | 'repl';

/** Tasks that may be for all packages. */
const FOR_ALL: readonly CabalTask[] = ['build', 'test', 'bench', 'haddock'];

/** Options of cabal whose value may be the next word, which then is no target. */
const WITH_VALUE =
  /^(-[cfow]|--(with-compiler|with-hc-pkg|constraint|flags|builddir|project-file|project-dir|with-ghc|ghc-options?|index-state|allow-newer|test-options?|benchmark-options?))$/;

/** Options of cabal that name the file of the project. */
const PROJECT_FILE = /^--project-file(?:=(.+))?$/s;

/** The file with the settings of the project, as options for cabal have it; undefined: none is read. */
export function projectFileOf(args: readonly string[]): string | undefined {
  let file: string | undefined = 'cabal.project';
  for (const [index, word] of args.entries()) {
    if (word === '--') break;
    const found = PROJECT_FILE.exec(word);
    if (found !== null) file = found[1] ?? args[index + 1] ?? file;
    if (word === '--ignore-project' || word === '-z') file = undefined;
  }
  return file;
}

/**
 * Arguments of cabal.
 *
 * @param ghcVersion compiler to build with; undefined: the project's or the machine's own
 * @param isOnePackage whether the package that cabal runs in is meant, where no target is given
 * @param args targets and options of the user; without a target, all packages are meant where that can be
 */
export function cabalArguments(
  task: CabalTask,
  ghcVersion: string | undefined,
  args: readonly string[],
  isOnePackage = false,
): string[] {
  const compiler = ghcVersion === undefined ? [] : [`--with-compiler=ghc-${ghcVersion}`];
  const hasTarget = args.some((arg, index) => !arg.startsWith('-') && !WITH_VALUE.test(args[index - 1] ?? ''));
  return [task, ...compiler, ...(hasTarget || isOnePackage || !FOR_ALL.includes(task) ? [] : ['all']), ...args];
}
