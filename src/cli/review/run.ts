import { FleetError } from '../../model/errors';
import type { Context } from '../context';
import { EXIT } from '../exit-codes';
import { compare } from './compare';
import { renderMarkdown, renderReview } from './render';
import { readTrees } from './trees';

export interface ReviewOptions {
  /** Revision of the state before. */
  readonly base: string;
  /** Revision of the state after; without it the working tree. */
  readonly to?: string | undefined;
  readonly markdown: boolean;
}

/**
 * `buildfleet review [BASE]`: what a change of the rendered files does, in words. A change is no failure.
 *
 * @param directory where to look for the project
 * @throws FleetError `not-a-repository`, `revision-unknown`, `rendered-missing`, `rendered-unreadable`, …
 */
export async function review(
  context: Context,
  { base, to, markdown }: ReviewOptions,
  directory: string = process.cwd(),
): Promise<number> {
  if (markdown && context.terminal.json) {
    throw new FleetError({
      code: 'usage',
      problem: '--json and --markdown are two forms of the same document',
      remedy: 'give one of the two',
    });
  }
  const trees = await readTrees({ base, to, directory, run: context.run, signal: context.signal });
  const document = compare(trees);
  if (context.terminal.json) context.terminal.data(JSON.stringify(document, null, 2));
  else context.terminal.data(markdown ? renderMarkdown(document) : renderReview(document));
  return EXIT.ok;
}
