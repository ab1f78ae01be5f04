import { shellWords } from '../../rendering/shell-word';
import { workspacePath } from '../project/workspace';

/**
 * Text of a script that marks the directories that a command of cabal will build in, so that the next synchronisation
 * deletes nothing there. `assets/cli/receive.sh` finds those that lie in the project's root by itself.
 *
 * @param argv the command, as the user gave it
 */
export function markBuildDirectories(workspace: string, argv: readonly string[]): string {
  const named = argv.flatMap((arg, index) =>
    argv[index - 1] === '--builddir' ? [arg] : (/^--builddir=(.+)$/.exec(arg)?.slice(1) ?? []),
  );
  return named
    .filter((path) => path.includes('/') && !path.startsWith('/') && !path.split('/').includes('..'))
    .map((path) => `${workspacePath(workspace)}/${path}`)
    .map(
      (path) => `${shellWords(['mkdir', '-p', path])} && printf '*\\0' >${shellWords([`${path}/.buildfleet-built`])}\n`,
    )
    .join('');
}
