import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Task for cabal. */
export type CabalTask = 'build' | 'test' | 'repl';

/**
 * Arguments of cabal.
 *
 * @param ghcVersion compiler to build with; undefined: the project's or the machine's own
 * @param args targets and options of the user; without any, `build` and `test` are for all packages
 */
export function cabalArguments(task: CabalTask, ghcVersion: string | undefined, args: readonly string[]): string[] {
  const compiler = ghcVersion === undefined ? [] : [`--with-compiler=ghc-${ghcVersion}`];
  const targets = args.length === 0 && task !== 'repl' ? ['all'] : args;
  return [task, ...compiler, ...targets];
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
