import { Argument } from 'commander';
import { lazy } from '../../model/lazy';
import type { CommandDeclaration, CommandLine } from '../command';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('./report')>(() => require('./report'));

export const smoke: CommandDeclaration = {
  name: 'smoke',
  description: 'prove the whole chain: tunnel, GHC, hub entry, and a program built and run',
  examples: ['smoke', 'smoke alpha'],
  arguments: [new Argument('[vm...]', 'VMs to try (default: all of the fleet)')],
  document: () => report().smokeReportSchema,
  run: (context, { args: [vms] }: CommandLine<[vms: string[]]>) => work().smoke(context, vms),
};
