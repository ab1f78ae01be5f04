import { Option } from 'commander';
import { lazy } from '../../model/lazy';
import type { CommandDeclaration, CommandLine } from '../command';
import type { CabalTask } from './cabal';
import { ENVIRONMENT, PROJECT, SENDING, type SendingOptions, VM } from './options';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('./report')>(() => require('./report'));

const GHC = new Option(
  '--ghc <version>',
  'only on a VM with this GHC (default: with-compiler of cabal.project, if any)',
);

const WATCH = new Option('--watch', 'begin again whenever something is saved, until Ctrl-C');

type CabalLine = CommandLine<
  readonly string[],
  { vm?: string; ghc?: string; env?: readonly string[]; watch?: boolean } & SendingOptions
>;

/** Sends the sources, and has cabal do something with them. */
function cabalCommand(
  task: CabalTask,
  {
    options = [],
    ...declaration
  }: Pick<CommandDeclaration, 'description' | 'examples' | 'options' | 'handlesInterrupt'>,
) {
  return {
    ...declaration,
    name: task,
    usage: '[options] [project] [TARGET…] [-- CABAL…]',
    arguments: [PROJECT],
    options: [VM, GHC, ENVIRONMENT, ...options, ...SENDING],
    takesRest: true,
    document: null,
    run: (context, { args, options, rest }: CabalLine) => work().cabal(context, task, options, args, rest),
  } satisfies CommandDeclaration;
}

export const build = cabalCommand('build', {
  description: 'send the sources, and build them there with cabal',
  examples: ['build', 'build ~/projects/app --ghc 9.8.4', 'build --watch', 'build exe:app -- -O2', 'build -- -O0'],
  options: [WATCH],
});

export const test = cabalCommand('test', {
  description: 'send the sources, and run the tests there with cabal',
  examples: ['test', 'test --watch', 'test -- --test-show-details=streaming'],
  options: [WATCH],
});

export const run = cabalCommand('run', {
  description: 'send the sources, build an executable there, and run it; input, output and exit code are its own',
  examples: ['run', 'run exe:app -- --port 8080'],
});

export const bench = cabalCommand('bench', {
  description: 'send the sources, and run the benchmarks there',
  examples: ['bench', 'bench bench:parser'],
});

export const haddock = cabalCommand('haddock', {
  description: 'send the sources, and build the documentation there',
  examples: ['haddock', 'haddock -- --haddock-hyperlink-source'],
});

export const repl = cabalCommand('repl', {
  description: 'send the sources, and open a GHCi there',
  examples: ['repl', 'repl lib:app'],
  handlesInterrupt: true,
});

export const sync: CommandDeclaration = {
  name: 'sync',
  description: 'send the sources, and nothing else',
  examples: ['sync', 'sync ~/projects/app --vm beta'],
  arguments: [PROJECT],
  options: [VM, ...SENDING],
  document: () => report().syncedSchema,
  run: (context, { args: [project], options }: CommandLine<[project?: string], { vm?: string } & SendingOptions>) =>
    work().syncOnly(context, { ...options, project }),
};
