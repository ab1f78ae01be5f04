import type { Command } from 'commander';
import { load } from '../commands/load';
import type { Define } from './definition';

/** Commands that compile: they work on the project around the working directory unless one is given. */
export const defineProjectCommands: Define = ({ add, choose, argv }) => {
  const onProject = (command: Command): Command =>
    command
      .argument('[project]', 'its directory (default: the project around the working directory)')
      .option('--vm <vm>', 'any alias of a VM (default: the least loaded one that can be used)');
  const withCompiler = (command: Command): Command =>
    command.option('--ghc <version>', 'only on a VM with this GHC (default: with-compiler of cabal.project, if any)');

  /** What stands behind `--`, which commander appends to the arguments. */
  const separate = (command: Command): { readonly project: string | undefined; readonly rest: readonly string[] } => {
    const at = argv.indexOf('--');
    const rest = at === -1 ? [] : argv.slice(at + 1);
    const [project, ...more] = command.args.slice(0, command.args.length - rest.length);
    if (more.length > 0) command.error(`error: one project at a time: put what is for cabal behind --`);
    return { project, rest };
  };

  for (const [task, description, examples] of [
    [
      'build',
      'send the sources, and build them there with cabal',
      ['build', 'build ~/projects/app --ghc 9.8.4', 'build -- exe:app -O2'],
    ],
    ['test', 'send the sources, and run the tests there with cabal', ['test', 'test -- --test-show-details=streaming']],
    ['repl', 'send the sources, and open a GHCi there', ['repl', 'repl -- lib:app']],
  ] as const) {
    withCompiler(onProject(add(task, { description, examples })))
      .usage('[options] [project] [-- CABAL…]')
      .allowExcessArguments()
      .action(function (this: Command) {
        const { project, rest } = separate(this);
        const options = { ...this.opts<{ vm?: string; ghc?: string }>(), project };
        choose(this, (context) => load.build().cabal(context, task, options, rest));
      });
  }

  onProject(
    add('sync', {
      description: 'send the sources, and nothing else',
      examples: ['sync', 'sync ~/projects/app --vm beta'],
    }),
  ).action(function (this: Command, project: string | undefined) {
    const options = { ...this.opts<{ vm?: string }>(), project };
    choose(this, (context) => load.build().syncOnly(context, options));
  });

  onProject(
    add('fetch', {
      description: 'bring the executables and libraries that cabal has built',
      examples: ['fetch', 'fetch --to /tmp/out', 'fetch --all'],
    }),
  )
    .option('--to <directory>', 'where to (default: ./result, and with --all the project’s dist-newstyle)')
    .option('--all', 'the whole dist-newstyle, for an editor', false)
    .action(function (this: Command, project: string | undefined) {
      const options = { ...this.opts<{ vm?: string; to?: string; all: boolean }>(), project };
      choose(this, (context) => load.fetch().fetch(context, options));
    });
};
