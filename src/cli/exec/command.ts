import type { Command } from 'commander';
import { load } from '../commands/load';
import { type Define, withoutSeparator } from './definition';

/** Commands that open one VM. */
export const defineLoginCommands: Define = ({ add, choose }) => {
  add('ssh', {
    description: 'log in to a VM, or run one command there with a terminal',
    examples: ['ssh alpha', 'ssh alpha -- top'],
  })
    .usage('[options] VM [-- CMD…]')
    .argument('<vm>', 'any alias of the VM')
    .argument('[command...]', 'command and its arguments, run as they are, without a shell')
    .passThroughOptions()
    .action(function (this: Command, vm: string, command: string[]) {
      choose(this, (context) => load.ssh().ssh(context, vm, withoutSeparator(command)));
    });

  add('exec', {
    description: 'run a command on a VM; input, output and exit code are the command’s own',
    examples: [
      'exec alpha -- ghc --version',
      "exec alpha -- sh -c 'ls /build | wc -l'",
      'exec --project . -- cabal haddock',
    ],
  })
    .usage('[options] VM -- CMD…  |  [options] --project DIRECTORY -- CMD…')
    .argument('<words...>', 'any alias of the VM, then the command and its arguments, run as they are, without a shell')
    .option('--project <directory>', 'send the sources in it first, and run the command among them')
    .option('--vm <vm>', 'with --project: the VM (default: the least loaded one that can be used)')
    .option('--ghc <version>', 'with --project: only on a VM with this GHC')
    .passThroughOptions()
    .action(function (this: Command, words: string[]) {
      const options = this.opts<{ project?: string; vm?: string; ghc?: string }>();
      const { project } = options;
      if (project !== undefined) {
        choose(this, (context) =>
          load.build().execInProject(context, { ...options, project }, withoutSeparator(words)),
        );
        return;
      }
      const [vm = '', ...command] = words;
      choose(this, (context) => load.ssh().exec(context, vm, withoutSeparator(command)));
    });
};
