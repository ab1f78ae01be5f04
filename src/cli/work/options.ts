import { Argument, Option } from 'commander';

/** Of the commands that work on the project around the working directory, unless one is given. */
export const PROJECT = new Argument('[project]', 'its directory (default: the project around the working directory)');
export const VM = new Option('--vm <vm>', 'any alias of a VM (default: the least loaded one that can be used)');

/** Of the commands that send sources. */
export interface SendingOptions {
  readonly follow?: readonly string[] | undefined;
  readonly sendIgnored?: boolean | undefined;
  readonly withGit?: boolean | undefined;
}

/** Of the commands that run a program on a VM. */
export const ENVIRONMENT = new Option(
  '--env <name[=value]>',
  'a variable for it, by default with the value that it has here; may be given again',
).argParser((text: string, before: readonly string[] | undefined) => [...(before ?? []), text]);

export const SENDING: readonly Option[] = [
  new Option('--follow <path>', 'send what links lead to, where that is this or in it; may be given again').argParser(
    (path: string, before: readonly string[] | undefined) => [...(before ?? []), path],
  ),
  new Option('--send-ignored', 'send what git ignores, too'),
  new Option('--with-git', 'let git describe the version there: its commits and tags are sent, without contents'),
];
