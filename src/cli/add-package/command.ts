import type { Command } from 'commander';
import { load } from '../commands/load';
import type { CommandHelp, Define } from './definition';

interface Chosen {
  readonly vm?: string;
  readonly all?: true;
}

/** Commands that add something to running VMs. */
export const defineToolchainCommands: Define = ({ add, choose }) => {
  const addTo = (usage: string, help: CommandHelp): Command =>
    add(usage, help)
      .option('--vm <vm>', 'any alias of the VM (default: the fleet’s default VM)')
      .option('--all', 'every VM of the fleet');

  addTo('add-package', {
    description: 'install packages of the distribution on a running VM',
    examples: ['add-package libpq-dev', 'add-package --all libghc-primitive-dev zlib1g-dev'],
  })
    .argument('<name...>', 'names of packages')
    .action(function (this: Command, names: string[]) {
      choose(this, (context) => load.addPackage().addPackage(context, names, this.opts<Chosen>()));
    });

  addTo('add-ghc', {
    description: 'install a further GHC on a running VM, by GHCup or from the distribution',
    examples: ['add-ghc 9.6.6', 'add-ghc --vm beta 9.10.1'],
  })
    .argument('<version>', 'such as 9.10.1')
    .action(function (this: Command, version: string) {
      choose(this, (context) => load.addGhc().addGhc(context, version, this.opts<Chosen>()));
    });
};
