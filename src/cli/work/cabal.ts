import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Task for cabal. */
export type CabalTask = 'build' | 'test' | 'run' | 'bench' | 'haddock' | 'repl';

/** Tasks that may be for all packages. */
const FOR_ALL: readonly CabalTask[] = ['build', 'test', 'bench', 'haddock'];

/** Options of cabal whose value may be the next word, which then is no target. */
const WITH_VALUE =
  /^(-[cfow]|--(with-compiler|with-hc-pkg|constraint|flags|builddir|project-file|project-dir|ghc-options?|index-state|allow-newer|test-options?|benchmark-options?))$/;

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

/** The GHC version that a project's `cabal.project` asks for, the local file first; undefined when it names none. */
export function compilerOfProject(root: string): string | undefined {
  for (const name of ['cabal.project.local', 'cabal.project']) {
    const version = /^with-compiler:\s*\S*ghc-(\d+(?:\.\d+)+)\s*$/m.exec(contentOf(join(root, name)))?.[1];
    if (version !== undefined) return version;
  }
  return undefined;
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
