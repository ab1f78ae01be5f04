import { Argument, Option } from 'commander';

/** Of the commands that work on the project around the working directory, unless one is given. */
export const PROJECT = new Argument('[project]', 'its directory (default: the project around the working directory)');
export const VM = new Option('--vm <vm>', 'any alias of a VM (default: the least loaded one that can be used)');
