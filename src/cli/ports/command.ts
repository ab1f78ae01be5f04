import { Argument, Option } from 'commander';
import { lazy } from '../../model/lazy';
import type { CommandDeclaration, CommandGroup, CommandLine } from '../command';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('./report')>(() => require('./report'));

const REGISTRY = new Option('--registry <path>', 'the registry').default('port-registry.yml');

const list: CommandDeclaration = {
  name: 'list',
  description: 'show the port registry',
  examples: ['ports list'],
  options: [REGISTRY],
  document: () => report().portListSchema,
  run: (context, { options: { registry } }: CommandLine<[], { registry: string }>) =>
    work().listPorts(context, registry),
};

const release: CommandDeclaration = {
  name: 'release',
  description: 'free the port of a VM that is no longer in the fleet',
  examples: ['ports release gamma', 'ports release 12223'],
  arguments: [new Argument('<name-or-port>', 'name of the VM, or the port')],
  options: [REGISTRY],
  document: () => report().portReleaseSchema,
  run: (context, { args: [slot], options: { registry } }: CommandLine<[slot: string], { registry: string }>) =>
    work().releaseSlot(context, registry, slot),
};

export const ports: CommandGroup = {
  name: 'ports',
  description: 'tunnel ports and the VMs that they are reserved for',
  commands: [list, release],
};
