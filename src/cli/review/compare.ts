import { readStack, stackNames } from './rendered-stack';
import type { Review, StackReview, TextChange } from './report';
import { reviewStack } from './review-stack';
import { differing } from './text-changes';
import type { Comparison } from './trees';

/**
 * Reviews the change from one rendered tree to another.
 *
 * @throws FleetError `rendered-unreadable`
 */
export function compare({ base, target, directory }: Comparison): Review {
  const [earlier, later] = [stackNames(base), stackNames(target)];
  const names = [...new Set([...earlier, ...later])].sort();
  const stacks = names.map((name) =>
    reviewStack(name, readStack(base, name), readStack(target, name), {
      before: earlier.includes(name),
      after: later.includes(name),
    }),
  );
  const textChanges = differing(base.files, target.files)
    .filter((path) => !names.some((name) => path.startsWith(`${name}/`)))
    .map((path) => ({ path, remark: null }));
  const summary = summaryOf(stacks, textChanges);
  return { formatVersion: 1, base: base.side, target: target.side, directory, summary, stacks, textChanges };
}

function summaryOf(stacks: readonly StackReview[], texts: readonly TextChange[]): string {
  const changed = stacks.filter(({ state }) => state !== 'unchanged');
  if (changed.length > 0) return changed.map(({ name, summary }) => `${name}: ${summary}`).join('; ');
  return texts.length > 0 ? 'no fleet changes, only rendered text that belongs to none' : 'nothing changes';
}
