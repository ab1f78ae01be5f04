import { Argument, Option } from 'commander';
import { lazy } from '../../model/lazy';
import type { CommandDeclaration, CommandLine } from '../command';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('./report')>(() => require('./report'));

export const review: CommandDeclaration = {
  name: 'review',
  description: 'say what a change of the rendered files does to the fleet',
  examples: ['review', 'review main --to HEAD --markdown'],
  arguments: [new Argument('[base]', 'revision to compare with').default('HEAD')],
  options: [
    new Option('--to <revision>', 'the changed state (default: the working tree)'),
    new Option('--markdown', 'print a comment for a pull request').default(false),
  ],
  document: () => report().reviewSchema,
  run: (context, { args: [base], options }: CommandLine<[base: string], { to?: string; markdown: boolean }>) =>
    work().review(context, { base, ...options }),
};
