import type { Command } from 'commander';
import { load } from '../commands/load';
import type { Define } from './definition';

const STACK = ['[stack]', 'fleet of main.ts (default: fleet)'] as const;
const YES = ['--yes', 'do it without asking', false] as const;

/** The cdktf command with a live view; each works in the directory of `main.ts`. */
export const defineDeployCommands: Define = ({ add, choose }) => {
  add('diff', {
    description: 'show what a deploy would change',
    examples: ['diff', 'diff laptops'],
  })
    .argument(...STACK)
    .action(function (this: Command, stack: string | undefined) {
      choose(this, (context) => load.deploy().diff(context, stack));
    });

  add('deploy', {
    description: 'make the fleet real, and show what each part of it is at',
    examples: ['deploy', 'deploy laptops --yes'],
  })
    .argument(...STACK)
    .option(...YES)
    .action(function (this: Command, stack: string | undefined) {
      choose(this, (context) => load.deploy().deploy(context, stack, this.opts<{ yes: boolean }>()));
    });

  add('destroy', {
    description: 'take the fleet away; images stay',
    examples: ['destroy', 'destroy laptops --yes'],
  })
    .argument(...STACK)
    .option(...YES)
    .action(function (this: Command, stack: string | undefined) {
      choose(this, (context) => load.deploy().destroy(context, stack, this.opts<{ yes: boolean }>()));
    });
};
