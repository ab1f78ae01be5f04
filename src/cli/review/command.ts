import type { Command } from 'commander';
import { load } from '../commands/load';
import type { Define } from './definition';

/** Commands for people who read pull requests. */
export const defineReviewCommands: Define = ({ add, choose }) => {
  add('review', {
    description: 'say what a change of the rendered files does to the fleet',
    examples: ['review', 'review main --to HEAD --markdown'],
  })
    .argument('[base]', 'revision to compare with', 'HEAD')
    .option('--to <revision>', 'the changed state (default: the working tree)')
    .option('--markdown', 'print a comment for a pull request', false)
    .action(function (this: Command, base: string) {
      const options = this.opts<{ to?: string; markdown: boolean }>();
      choose(this, (context) => load.review().review(context, { base, ...options }));
    });
};
