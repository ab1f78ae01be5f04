import { Argument } from 'commander';
import { lazy } from '../../model/lazy';
import { type CommandDeclaration, type CommandLine, withoutSeparator } from '../command';

const work = lazy<typeof import('./run')>(() => require('./run'));

export const ssh: CommandDeclaration = {
  name: 'ssh',
  description: 'log in to a VM, or run one command there with a terminal',
  examples: ['ssh alpha', 'ssh alpha -- top'],
  usage: '[options] VM [-- CMD…]',
  arguments: [
    new Argument('<vm>', 'any alias of the VM'),
    new Argument('[command...]', 'command and its arguments, run as they are, without a shell'),
  ],
  passesThrough: true,
  document: null,
  run: (context, { args: [vm, command] }: CommandLine<[vm: string, command: string[]]>) =>
    work().ssh(context, vm, withoutSeparator(command)),
};
