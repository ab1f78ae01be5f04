import { Argument, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_HUB_DATABASE, DEFAULT_HUB_EXPIRY_DAYS, DEFAULT_HUB_PORT } from '../../model/defaults';
import { lazy } from '../../model/lazy';
import { type CommandDeclaration, type CommandGroup, type CommandLine, wholeNumber } from '../command';
import type { ServeOptions } from './serve';

const serving = lazy<typeof import('./serve')>(() => require('./serve'));
const forgetting = lazy<typeof import('./forget')>(() => require('./forget'));
const report = lazy<typeof import('./report')>(() => require('./report'));

function days(text: string): number {
  const number = wholeNumber(text);
  if (number === 0) throw new InvalidArgumentError('give days, at least one');
  return number;
}

const serve: CommandDeclaration = {
  name: 'serve',
  description: 'serve a State Hub in the foreground',
  examples: ['hub', 'hub serve --port 0 --json'],
  options: [
    new Option('--port <port>', 'port on 127.0.0.1').default(String(DEFAULT_HUB_PORT)),
    new Option('--database <path>', 'file of the database').default(DEFAULT_HUB_DATABASE),
    new Option('--expire <days>', 'forget machines that have sent no heartbeat for so long')
      .default(DEFAULT_HUB_EXPIRY_DAYS)
      .argParser(days),
  ],
  document: () => report().listeningSchema,
  run: (context, { options }: CommandLine<[], ServeOptions>) => serving().serve(context, options),
};

const forget: CommandDeclaration = {
  name: 'forget',
  description: "delete an entry of the fleet's State Hub",
  examples: ["hub forget 'Haskell Build Agent — haskell-build-gamma'", 'hub forget haskell-build-gamma'],
  arguments: [new Argument('<title>', 'title of the entry, or the host name of the machine')],
  document: () => report().forgottenSchema,
  run: (context, { args: [title] }: CommandLine<[title: string]>) => forgetting().forget(context, title),
};

export const hub: CommandGroup = {
  name: 'hub',
  description: 'the State Hub',
  commands: [serve, forget],
  default: 'serve',
};
