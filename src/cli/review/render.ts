import { printable } from '../../model/printable';
import type { Finding, Review, Side, StackReview, TextChange } from './report';

/** The review for people at a terminal: the summary, then a paragraph for each fleet that something happens to. */
export function renderReview(review: Review): string {
  const stacks = review.stacks
    .filter(({ state }) => state !== 'unchanged')
    .map(({ name, findings, textChanges }) =>
      [name, ...findings.flatMap(plainFinding), ...plainTexts(textChanges)].join('\n'),
    );
  const others =
    review.textChanges.length === 0 ? [] : [[review.directory, ...plainTexts(review.textChanges)].join('\n')];
  return printable([review.summary, ...stacks, ...others].join('\n\n'));
}

/** The review as a comment on a pull request. */
export function renderMarkdown(review: Review): string {
  const parts = [
    `**${markdown(review.summary)}**`,
    ...review.stacks.filter(({ state }) => state !== 'unchanged').map(markdownStack),
    ...(review.textChanges.length === 0
      ? []
      : [[`### ${markdown(review.directory)}`, '', ...markdownTexts(review.textChanges)].join('\n')]),
    `<sub>${markdown(review.directory)}: ${markdown(sideName(review.base))} compared with ${markdown(sideName(review.target))}</sub>`,
  ];
  return printable(parts.join('\n\n'));
}

function plainFinding({ sentence, details }: Finding): readonly string[] {
  return [`  ${oneLine(sentence)}`, ...details.map((detail) => `    - ${oneLine(detail)}`)];
}

function plainTexts(changes: readonly TextChange[]): readonly string[] {
  if (changes.length === 0) return [];
  const lines = changes.map(({ path, remark }) => `    - ${oneLine(path)}${remark === null ? '' : `: ${remark}`}`);
  return ['  rendered text without effect', ...lines];
}

function markdownStack({ name, summary, findings, textChanges }: StackReview): string {
  const lines = findings.flatMap(({ sentence, details, effect }) => [
    `- ${effect === 'loss' ? `**${markdown(sentence)}**` : markdown(sentence)}`,
    ...details.map((detail) => `  - ${markdown(detail)}`),
  ]);
  return [`### ${markdown(`${name}: ${summary}`)}`, '', ...lines, ...markdownTexts(textChanges)].join('\n');
}

function markdownTexts(changes: readonly TextChange[]): readonly string[] {
  if (changes.length === 0) return [];
  const lines = changes.map(
    ({ path, remark }) => `  - ${markdown(path)}${remark === null ? '' : `: ${markdown(remark)}`}`,
  );
  return ['- rendered text without effect', ...lines];
}

function sideName({ revision, commit }: Side): string {
  if (revision === null || commit === null) return 'the working tree';
  return `${revision} (${commit.slice(0, 10)})`;
}

/**
 * Text between backquotes is code and stays; what else Markdown or HTML would read is escaped. Escape sequences go first:
 * one that were dropped after that would take the backslash with it.
 */
function markdown(text: string): string {
  return oneLine(printable(text))
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 === 1 ? part : part.replace(/[\\*_[\]<>#|~&`]/g, '\\$&')))
    .join('');
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ');
}
