import { Argument, Option } from 'commander';
import { lazy } from '../../model/lazy';
import type { CommandDeclaration, CommandLine } from '../command';
import type { DeployOptions } from './run';

const work = lazy<typeof import('./run')>(() => require('./run'));
const result = lazy<typeof import('./result')>(() => require('./result'));

/** The cdktf command with a live view; each works in the directory of `main.ts`. */
const shared = {
  arguments: [new Argument('[stack]', 'fleet of main.ts (default: fleet)')],
  document: () => result().deployLineSchema,
};
const YES = new Option('--yes', 'do it without asking').default(false);

type StackLine = CommandLine<[stack?: string], DeployOptions>;

export const diff: CommandDeclaration = {
  ...shared,
  name: 'diff',
  description: 'show what a deploy would change',
  examples: ['diff', 'diff laptops'],
  run: (context, { args: [stack] }: StackLine) => work().diff(context, stack),
};

export const deploy: CommandDeclaration = {
  ...shared,
  name: 'deploy',
  description: 'make the fleet real, and show what each part of it is at',
  examples: ['deploy', 'deploy laptops --yes'],
  options: [YES],
  run: (context, { args: [stack], options }: StackLine) => work().deploy(context, stack, options),
};

export const destroy: CommandDeclaration = {
  ...shared,
  name: 'destroy',
  description: 'take the fleet away; images stay',
  examples: ['destroy', 'destroy laptops --yes'],
  options: [YES],
  run: (context, { args: [stack], options }: StackLine) => work().destroy(context, stack, options),
};
