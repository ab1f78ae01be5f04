import { Option } from 'commander';
import { lazy } from '../../model/lazy';
import type { CommandDeclaration, CommandLine } from '../command';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('./report')>(() => require('./report'));

export const installSshConfig: CommandDeclaration = {
  name: 'install-ssh-config',
  description: "have your ssh configuration include the fleet's, as deploy does",
  examples: ['install-ssh-config'],
  options: [new Option('--config <path>', "your ssh configuration (default: the fleet's `sshConfig`)")],
  document: () => report().installReportSchema,
  run: (context, { options }: CommandLine<[], { config?: string }>) => work().installSshConfig(context, options),
};
