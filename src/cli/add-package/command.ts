import { Argument } from 'commander';
import { lazy } from '../../model/lazy';
import type { CommandDeclaration, CommandLine } from '../command';
import type { VmChoice } from '../toolchain/choose-vms';
import { vmOptions } from '../toolchain/options';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('../toolchain/report')>(() => require('../toolchain/report'));

export const addPackage: CommandDeclaration = {
  name: 'add-package',
  description: 'install packages of the distribution on a running VM',
  examples: ['add-package libpq-dev', 'add-package --all libghc-primitive-dev zlib1g-dev'],
  arguments: [new Argument('<name...>', 'names of packages')],
  options: vmOptions,
  document: () => report().additionReportSchema,
  run: (context, { args: [names], options }: CommandLine<[names: string[]], VmChoice>) =>
    work().addPackage(context, names, options),
};
