import { Option } from 'commander';
import { lazy } from '../../model/lazy';
import type { CommandDeclaration, CommandLine } from '../command';
import type { DiscoverOptions } from './run';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('./report')>(() => require('./report'));

export const discover: CommandDeclaration = {
  name: 'discover',
  description: 'list what the State Hub holds, by type and domain',
  examples: ['discover', 'discover --type haskell-build-agent --domain railiance'],
  options: [
    new Option('--type <type>', 'only entries of this capability type'),
    new Option('--domain <domain>', 'only entries of this domain'),
  ],
  document: () => report().discoveryReportSchema,
  run: (context, { options }: CommandLine<[], DiscoverOptions>) => work().discover(context, options),
};
