import { addGhc } from './add-ghc/command';
import { addPackage } from './add-package/command';
import type { CommandDeclaration, CommandGroup } from './command';
import { complete, completion } from './completion/command';
import { deploy, destroy, diff } from './deploy/command';
import { discover } from './discover/command';
import { doctor } from './doctor/command';
import { exec } from './exec/command';
import { fetch } from './fetch/command';
import { hub } from './hub/command';
import { image } from './image/command';
import { info } from './info/command';
import { installSshConfig } from './install-ssh-config/command';
import { ports } from './ports/command';
import { review } from './review/command';
import { smoke } from './smoke/command';
import { ssh } from './ssh/command';
import { status } from './status/command';
import { workspaces } from './workspaces/command';
import { bench, build, haddock, repl, run, sync, test } from './work/command';

/** In the order in which `--help` lists them. */
export const COMMANDS: readonly (CommandDeclaration | CommandGroup)[] = [
  build,
  test,
  run,
  bench,
  haddock,
  repl,
  sync,
  fetch,
  workspaces,
  ssh,
  exec,
  status,
  info,
  discover,
  doctor,
  smoke,
  installSshConfig,
  diff,
  deploy,
  destroy,
  addPackage,
  addGhc,
  hub,
  image,
  ports,
  review,
  completion,
  complete,
];

/** Every command with the words that name it, those of groups included. */
export function allCommands(): readonly (readonly [words: readonly string[], command: CommandDeclaration])[] {
  return COMMANDS.flatMap((entry): [string[], CommandDeclaration][] =>
    'commands' in entry
      ? entry.commands.map((command) => [[entry.name, command.name], command])
      : [[[entry.name], entry]],
  );
}
