import { Argument } from 'commander';
import { lazy } from '../../model/lazy';
import type { CommandDeclaration, CommandLine } from '../command';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('./report')>(() => require('./report'));

export const info: CommandDeclaration = {
  name: 'info',
  description: 'show what one VM is: system, GHCs, hardware, image, ports, how to log in',
  examples: ['info', 'info alpha --json'],
  arguments: [new Argument('[vm]', "any alias of the VM (default: the fleet's default VM)")],
  document: () => report().vmInfoSchema,
  run: (context, { args: [vm] }: CommandLine<[vm?: string]>) => work().info(context, vm),
};
