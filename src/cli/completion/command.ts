import { Argument } from 'commander';
import { lazy } from '../../model/lazy';
import type { CommandDeclaration, CommandLine } from '../command';
import { SHELLS, type Shell } from './shells';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('./report')>(() => require('./report'));

export const completion: CommandDeclaration = {
  name: 'completion',
  description: 'print a script that has a shell complete buildfleet on Tab',
  examples: ['completion bash', 'completion zsh', 'completion fish'],
  arguments: [new Argument('<shell>', 'which one').choices(SHELLS)],
  document: () => report().completionSchema,
  run: (context, { args: [shell] }: CommandLine<[shell: Shell]>) => work().completion(context, shell),
};

/** Called by the scripts at every Tab. */
export const complete: CommandDeclaration = {
  name: '__complete',
  description: 'print candidates',
  examples: [],
  arguments: [new Argument('<shell>').choices(SHELLS), new Argument('[words...]')],
  hidden: true,
  document: null,
  run: (context, { args: [shell, words], program }: CommandLine<[shell: Shell, words: string[]]>) =>
    work().printCandidates(context, program, shell, words),
};
