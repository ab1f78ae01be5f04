import { Argument } from 'commander';
import { lazy } from '../../model/lazy';
import type { CommandDeclaration, CommandLine } from '../command';
import type { VmChoice } from '../toolchain/choose-vms';
import { vmOptions } from '../toolchain/options';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('../toolchain/report')>(() => require('../toolchain/report'));

export const addGhc: CommandDeclaration = {
  name: 'add-ghc',
  description: 'install a further GHC on a running VM, by GHCup or from the distribution',
  examples: ['add-ghc 9.6.6', 'add-ghc --vm beta 9.10.1'],
  arguments: [new Argument('<version>', 'such as 9.10.1')],
  options: vmOptions,
  document: () => report().additionReportSchema,
  run: (context, { args: [version], options }: CommandLine<[version: string], VmChoice>) =>
    work().addGhc(context, version, options),
};
