import type { Command } from 'commander';
import { load } from '../commands/load';
import { type Define, seconds } from './definition';

/** Commands that look at the fleet and at what it needs. */
export const defineFleetCommands: Define = ({ add, choose }) => {
  add('status', {
    description: 'show what every VM does, whether it can be used, and what to do if not',
    examples: ['status', 'status --watch', 'status --watch 10 --json'],
  })
    .option('--watch [seconds]', 'look again and again, 2 seconds apart unless told otherwise', seconds)
    .action(function (this: Command) {
      const { watch } = this.opts<{ watch?: number | true }>();
      choose(this, (context) => load.status().status(context, { watch: watch === true ? 2 : watch }));
    });

  add('info', {
    description: 'show what one VM is: system, GHCs, hardware, image, ports, how to log in',
    examples: ['info', 'info alpha --json'],
  })
    .argument('[vm]', "any alias of the VM (default: the fleet's default VM)")
    .action(function (this: Command, vm: string | undefined) {
      choose(this, (context) => load.info().info(context, vm));
    });

  add('discover', {
    description: 'list what the State Hub holds, by type and domain',
    examples: ['discover', 'discover --type haskell-build-agent --domain railiance'],
  })
    .option('--type <type>', 'only entries of this capability type')
    .option('--domain <domain>', 'only entries of this domain')
    .action(function (this: Command) {
      const options = this.opts<{ type?: string; domain?: string }>();
      choose(this, (context) => load.discover().discover(context, options));
    });

  add('doctor', {
    description: 'check what the fleet needs of this workstation, and say what to do',
    examples: ['doctor', 'doctor --fleet rendered/laptops/fleet.json'],
  }).action(function (this: Command) {
    choose(this, (context) => load.doctor().doctor(context));
  });

  add('smoke', {
    description: 'prove the whole chain: tunnel, GHC, hub entry, and a program built and run',
    examples: ['smoke', 'smoke alpha'],
  })
    .argument('[vm...]', 'VMs to try (default: all of the fleet)')
    .action(function (this: Command, vms: string[]) {
      choose(this, (context) => load.smoke().smoke(context, vms));
    });

  add('install-ssh-config', {
    description: "have ~/.ssh/config include the fleet's, as deploy does",
    examples: ['install-ssh-config'],
  })
    .option('--config <path>', 'your ssh configuration', '~/.ssh/config')
    .action(function (this: Command) {
      const options = this.opts<{ config: string }>();
      choose(this, (context) => load.installSshConfig().installSshConfig(context, options));
    });
};
