import type { Command } from 'commander';
import { load } from '../commands/load';
import { type CommandHelp, type Define, wholeNumber } from './definition';

/** `buildfleet image …` */
export const defineImageCommands: Define = ({ program, add, choose }) => {
  const image = program.command('image').description('images in the cache that all fleets of this account share');
  const addImage = (usage: string, description: string, ...examples: CommandHelp['examples']): Command =>
    add(usage, { description, examples, parent: image }).option('--cache <path>', 'the cache', '~/.cache/buildfleet');
  addImage('list', 'show every image, its size, and who uses it', 'image list').action(function (this: Command) {
    choose(this, (context) => load.image().listImages(context, this.opts<{ cache: string }>()));
  });
  addImage(
    'gc',
    'remove images that no fleet, VM disk or process uses, and what killed builds left',
    'image gc --dry-run',
  )
    .option('--dry-run', 'say what would be removed, and remove nothing', false)
    .option('--min-age <minutes>', 'keep what was used later than this', wholeNumber, 60)
    .action(function (this: Command) {
      const { cache, dryRun, minAge } = this.opts<{ cache: string; dryRun: boolean; minAge: number }>();
      choose(this, (context) => load.image().collectImages(context, { cache, dryRun, minAgeMinutes: minAge }));
    });
  addImage('verify', 'build an image again and compare: both must be the same, bit by bit', 'image verify')
    .argument('[image]', 'name, or begin of the hash (default: the only one that synth has described here)')
    .option('--definition <path>', 'its definition.json')
    .action(function (this: Command, name: string | undefined) {
      const options = this.opts<{ cache: string; definition?: string }>();
      choose(this, (context) => load.image().verify(context, name, options));
    });
};
