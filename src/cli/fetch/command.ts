import { Option } from 'commander';
import { lazy } from '../../model/lazy';
import { DEFAULT_FETCH_LIMIT_BYTES } from '../../model/defaults';
import { bytes, type CommandDeclaration, type CommandLine } from '../command';
import { PROJECT, VM } from '../work/options';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('./report')>(() => require('./report'));

export const fetch: CommandDeclaration = {
  name: 'fetch',
  description: 'bring the executables and libraries that cabal has built, or other files',
  examples: [
    'fetch',
    'fetch --to /tmp/out',
    'fetch --path cabal.project.freeze',
    "fetch --path 'test/golden/**'",
    'fetch --all',
  ],
  arguments: [PROJECT],
  options: [
    VM,
    new Option(
      '--to <directory>',
      'where to (default: ./result, with --all the project’s dist-newstyle, with --path the project)',
    ),
    new Option(
      '--path <pattern>',
      'files of the project that match, to where they are in it; may be given again',
    ).argParser((pattern: string, before: readonly string[] | undefined) => [...(before ?? []), pattern]),
    new Option('--all', 'the whole dist-newstyle, for an editor').default(false).conflicts('path'),
    new Option('--limit <size>', 'most that may come, in MiB or GiB')
      .argParser(bytes)
      .default(DEFAULT_FETCH_LIMIT_BYTES, '10GiB'),
  ],
  document: () => report().fetchReportSchema,
  run: (
    context,
    {
      args: [project],
      options,
    }: CommandLine<
      [project?: string],
      { vm?: string; to?: string; path?: readonly string[]; all: boolean; limit: number }
    >,
  ) => work().fetch(context, { ...options, project }),
};
