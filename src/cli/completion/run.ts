import type { Command } from 'commander';
import { complete } from './candidates';
import { insertion, parseLine } from './bash-line';
import { namesFor } from './names';
import type { CompletionDocument } from './report';
import { completionScript } from './script';
import type { Shell } from './shells';
import type { Context } from '../context';
import { EXIT } from '../exit-codes';
import { inCheckout } from '../package-root';

/** `buildfleet completion SHELL` */
export function completion({ terminal }: Context, shell: Shell): Promise<number> {
  const script = completionScript(shell, inCheckout('bin/buildfleet'));
  const document: CompletionDocument = { formatVersion: 1, shell, script };
  terminal.data(terminal.json ? JSON.stringify(document, null, 2) : script);
  return Promise.resolve(EXIT.ok);
}

/**
 * What the scripts of {@link completion} call at every Tab. Prints what the shell itself is to complete, then one
 * candidate a line: for zsh and fish, which quote it, the value, a tab and its description; for bash what to insert.
 *
 * @param words for bash the line up to the cursor, and the part of it that bash replaces; for the others the words
 *   without the program, unquoted, the last being the one at the cursor
 */
export function printCandidates(
  context: Context,
  program: Command,
  shell: Shell,
  words: readonly string[],
): Promise<number> {
  const names = namesFor(context, process.cwd());
  if (shell === 'bash') {
    const [line = '', text = ''] = words;
    const parsed = parseLine(line);
    const { candidates, paths } = complete(program, parsed.words.slice(1), names);
    const begun = parsed.words.at(-1) ?? '';
    const fitting = candidates.filter(({ value }) => value.startsWith(begun));
    context.terminal.data([paths, ...fitting.map(({ value }) => insertion(value, parsed, text))].join('\n'));
  } else {
    const { candidates, paths } = complete(program, words, names);
    context.terminal.data(
      [paths, ...candidates.map(({ value, description }) => `${value}\t${description}`)].join('\n'),
    );
  }
  return Promise.resolve(EXIT.ok);
}
