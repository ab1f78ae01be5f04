import type { FleetVm } from '../../model/fleet';
import { shellWords } from '../../rendering/shell-word';
import { scriptText } from './script';

/**
 * Text of a bash script for `run.sh`, that has hpack make the `.cabal` files which a project does not have.
 *
 * @param directories of packages, relative to the workspace; without any the script is empty
 */
export function hpackScript(directories: readonly string[], vm: FleetVm): string {
  if (directories.length === 0) return '';
  // The workspace itself would be an empty word.
  const places = directories.map((directory) => `./${directory}`);
  return `hpack_directories=(${shellWords(places)}) hpack_vm=${shellWords([vm.id])}\n${scriptText('hpack')}`;
}
