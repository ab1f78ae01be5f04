import { Option } from 'commander';
import { DEFAULT_HUB_DATABASE, DEFAULT_HUB_PORT } from '../../model/defaults';
import { lazy } from '../../model/lazy';
import type { CommandDeclaration, CommandLine } from '../command';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('./report')>(() => require('./report'));

export const hub: CommandDeclaration = {
  name: 'hub',
  description: 'serve a State Hub in the foreground',
  examples: ['hub', 'hub --port 0 --json'],
  options: [
    new Option('--port <port>', 'port on 127.0.0.1').default(String(DEFAULT_HUB_PORT)),
    new Option('--database <path>', 'file of the database').default(DEFAULT_HUB_DATABASE),
  ],
  document: () => report().listeningSchema,
  run: (context, { options: { port, database } }: CommandLine<[], { port: string; database: string }>) =>
    work().hub(context, port, database),
};
