import { readFileSync } from 'node:fs';
import { inCheckout } from '../package-root';

/** Scripts of `assets/cli/` that run on a build machine. */
type Script = 'session' | 'run' | 'probe' | 'cabal' | 'hpack' | 'receive' | 'keep' | 'matches' | 'workspaces';

/** The text of one of our scripts, which goes to the machine with each command: it need not have it. */
export function scriptText(script: Script): string {
  return readFileSync(inCheckout(`assets/cli/${script}.sh`), 'utf8');
}
