import { Argument, Option } from 'commander';
import { lazy } from '../../model/lazy';
import { type CommandDeclaration, type CommandLine, withoutSeparator } from '../command';
import { ENVIRONMENT, SENDING, type SendingOptions } from '../work/options';

const work = lazy<typeof import('./run')>(() => require('./run'));
const inProject = lazy<typeof import('./in-project')>(() => require('./in-project'));

export const exec: CommandDeclaration = {
  name: 'exec',
  description: 'run a command on a VM; input, output and exit code are the command’s own',
  examples: [
    'exec alpha -- ghc --version',
    "exec alpha -- sh -c 'ls /build | wc -l'",
    'exec --project -- cabal list-bin app',
  ],
  usage: '[options] VM -- CMD…  |  [options] --project [DIRECTORY] -- CMD…',
  arguments: [
    new Argument(
      '<words...>',
      'any alias of the VM, then the command and its arguments, run as they are, without a shell',
    ),
  ],
  options: [
    new Option(
      '--project [directory]',
      'send the sources in it first, and run the command among them (default: the project around the working directory)',
    ),
    new Option('--vm <vm>', 'with --project: the VM (default: the least loaded one that can be used)'),
    new Option('--ghc <version>', 'with --project: only on a VM with this GHC'),
    ENVIRONMENT,
    ...SENDING,
  ],
  passesThrough: true,
  document: null,
  run: (
    context,
    {
      args: [words],
      options,
    }: CommandLine<
      [words: string[]],
      { project?: string | true; vm?: string; ghc?: string; env?: readonly string[] } & SendingOptions
    >,
  ) => {
    const { project } = options;
    if (project !== undefined) {
      const directory = project === true ? undefined : project;
      return inProject().execInProject(context, { ...options, project: directory }, withoutSeparator(words));
    }
    const [vm = '', ...command] = words;
    return work().exec(context, vm, withoutSeparator(command), options.env);
  },
};
