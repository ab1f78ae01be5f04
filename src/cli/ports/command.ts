import type { Command } from 'commander';
import { load } from '../commands/load';
import type { Define } from './definition';

/** `buildfleet ports …` */
export const definePortCommands: Define = ({ program, add, choose }) => {
  const ports = program.command('ports').description('tunnel ports and the VMs that they are reserved for');
  add('list', { description: 'show the port registry', examples: ['ports list'], parent: ports })
    .option('--registry <path>', 'the registry', 'port-registry.yml')
    .action(function (this: Command) {
      const { registry } = this.opts<{ registry: string }>();
      choose(this, (context) => load.ports().listPorts(context, registry));
    });
  add('release', {
    description: 'free the port of a VM that is no longer in the fleet',
    examples: ['ports release gamma', 'ports release 12223'],
    parent: ports,
  })
    .argument('<name-or-port>', 'name of the VM, or the port')
    .option('--registry <path>', 'the registry', 'port-registry.yml')
    .action(function (this: Command, slot: string) {
      const { registry } = this.opts<{ registry: string }>();
      choose(this, (context) => load.ports().releaseSlot(context, registry, slot));
    });
};
