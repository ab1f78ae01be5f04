import { Argument, type Command } from 'commander';
import { load } from '../commands/load';
import { SHELLS, type Shell } from '../completion/script';
import type { Define } from './definition';

/** Commands for shells. */
export const defineCompletionCommands: Define = ({ program, add, choose }) => {
  add('completion', {
    description: 'print a script that has a shell complete buildfleet on Tab',
    examples: ['completion bash', 'completion zsh', 'completion fish'],
  })
    .addArgument(new Argument('<shell>', 'which one').choices(SHELLS))
    .action(function (this: Command, shell: Shell) {
      choose(this, (context) => load.completion().completion(context, shell));
    });

  // For the scripts, not for people.
  program
    .command('__complete', { hidden: true })
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .argument('[words...]')
    .action(function (this: Command, shell: Shell, words: string[]) {
      choose(this, (context) => load.completion().printCandidates(context, program, shell, words));
    });
};
