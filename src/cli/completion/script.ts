import { readFileSync } from 'node:fs';
import { shellWord } from '../../rendering/shell-word';
import { inCheckout } from '../package-root';
import type { Shell } from './shells';

/**
 * The script that teaches a shell to complete `buildfleet`.
 *
 * @param program absolute path of the program that is asked for candidates; where that is gone, the one on the path is
 */
export function completionScript(shell: Shell, program: string): string {
  const template = readFileSync(inCheckout('assets/cli/completion', `buildfleet.${shell}`), 'utf8');
  return template.replace("'@PROGRAM@'", () => quote(program, shell)).trimEnd();
}

/** All three take single quotes; only fish sees backslashes between them. */
function quote(text: string, shell: Shell): string {
  return shellWord(shell === 'fish' ? text.replaceAll('\\', '\\\\') : text);
}
