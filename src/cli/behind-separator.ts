import type { Command } from 'commander';
import { shellWords } from '../rendering/shell-word';

/**
 * The command line with unknown options moved behind `--`, where what is for another program stands.
 *
 * @param argv the words as they were typed, without the program
 */
export function behindSeparator(command: Command, argv: readonly string[]): string {
  const separator = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const begin = argv.indexOf(command.name()) + 1;
  const words = argv.slice(begin, separator);
  // Of an option that is not known commander cannot tell whether the next word is its value: both go.
  const { unknown } = command.parseOptions(words);
  const moved: string[] = [];
  const first = words.indexOf(unknown[0] ?? '');
  const kept = words.filter((word, index) => {
    if (index < first || word !== unknown[moved.length]) return true;
    moved.push(word);
    return false;
  });
  return shellWords([
    'buildfleet',
    ...argv.slice(0, begin),
    ...[...kept, '--', ...moved],
    ...argv.slice(separator + 1),
  ]);
}
