import { Option } from 'commander';
import { lazy } from '../../model/lazy';
import { type CommandDeclaration, type CommandLine, seconds } from '../command';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('./report')>(() => require('./report'));

export const status: CommandDeclaration = {
  name: 'status',
  description: 'show what every VM does, whether it can be used, and what to do if not',
  examples: ['status', 'status --watch', 'status --watch 10 --json'],
  options: [
    new Option('--watch [seconds]', 'look again and again, 2 seconds apart unless told otherwise').argParser(seconds),
  ],
  document: () => report().statusReportSchema,
  run: (context, { options: { watch } }: CommandLine<[], { watch?: number | true }>) =>
    work().status(context, { watch: watch === true ? 2 : watch }),
};
