import { Argument, Option } from 'commander';
import { lazy } from '../../model/lazy';
import type { CommandDeclaration, CommandGroup, CommandLine } from '../command';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('./report')>(() => require('./report'));

const VM = new Option('--vm <vm>', 'any alias of a VM (default: all)');

const list: CommandDeclaration = {
  name: 'list',
  description: 'show the directories of projects on the VMs',
  examples: ['workspaces', 'workspaces list --vm alpha'],
  options: [VM],
  document: () => report().workspaceListSchema,
  run: (context, { options: { vm } }: CommandLine<[], { vm?: string }>) => work().listWorkspaces(context, vm),
};

const rm: CommandDeclaration = {
  name: 'rm',
  description: 'remove directories of projects on the VMs, with all that was built there',
  examples: ['workspaces rm dev-app-0c1d2e3f4a5b', 'workspaces rm . --vm alpha'],
  arguments: [new Argument('<workspaces...>', 'names of them, or directories of projects here')],
  options: [VM],
  document: () => report().workspaceRemovalSchema,
  run: (context, { args: [names], options: { vm } }: CommandLine<[names: string[]], { vm?: string }>) =>
    work().removeWorkspaces(context, names, vm),
};

export const workspaces: CommandGroup = {
  name: 'workspaces',
  description: 'directories of projects on the VMs',
  commands: [list, rm],
  default: 'list',
};
