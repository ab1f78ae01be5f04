import { Argument, Option } from 'commander';
import { DEFAULT_VM_CPUS, DEFAULT_VM_MEMORY } from '../../model/defaults';
import { lazy } from '../../model/lazy';
import { type CommandDeclaration, type CommandGroup, type CommandLine, wholeNumber } from '../command';

const work = lazy<typeof import('./run')>(() => require('./run'));
const report = lazy<typeof import('./report')>(() => require('./report'));

const CACHE = new Option('--cache <path>', "the cache (default: the fleet's)");

const list: CommandDeclaration = {
  name: 'list',
  description: 'show every image, its size, and its users',
  examples: ['image list'],
  options: [CACHE],
  document: () => report().imageListSchema,
  run: (context, { options }: CommandLine<[], { cache?: string }>) => work().listImages(context, options),
};

const gc: CommandDeclaration = {
  name: 'gc',
  description: 'remove images that no fleet, VM disk or process uses, and what killed builds left',
  examples: ['image gc --dry-run'],
  options: [
    CACHE,
    new Option('--dry-run', 'say what would be removed, and remove nothing').default(false),
    new Option('--min-age <minutes>', 'keep what was used later than this').argParser(wholeNumber).default(60),
  ],
  document: () => report().imageGcSchema,
  run: (
    context,
    { options: { cache, dryRun, minAge } }: CommandLine<[], { cache?: string; dryRun: boolean; minAge: number }>,
  ) => work().collectImages(context, { cache, dryRun, minAgeMinutes: minAge }),
};

const verify: CommandDeclaration = {
  name: 'verify',
  description: 'build an image again and compare: both must be the same, bit by bit',
  examples: ['image verify'],
  arguments: [
    new Argument('[image]', 'name, or begin of the hash (default: the only one that synth has described here)'),
  ],
  options: [CACHE, new Option('--definition <path>', 'its definition.json')],
  document: () => report().imageVerifySchema,
  run: (context, { args: [image], options }: CommandLine<[image?: string], { cache?: string; definition?: string }>) =>
    work().verify(context, image, options),
};

const warm: CommandDeclaration = {
  name: 'warm',
  description: 'boot an image once and save its memory, so that new VMs start within seconds',
  examples: ['image warm'],
  arguments: [
    new Argument('[image]', 'name, or begin of the hash (default: the only one that synth has described here)'),
  ],
  options: [
    CACHE,
    new Option('--cpus <number>', 'CPUs of the VMs').argParser(wholeNumber).default(DEFAULT_VM_CPUS),
    new Option('--memory <MiB>', 'their memory').argParser(wholeNumber).default(DEFAULT_VM_MEMORY.toMebibytes()),
  ],
  document: () => report().imageWarmSchema,
  run: (
    context,
    { args: [image], options }: CommandLine<[image?: string], { cache?: string; cpus: number; memory: number }>,
  ) => work().warm(context, image, options),
};

export const image: CommandGroup = {
  name: 'image',
  description: 'images in the cache that all fleets of this account share',
  commands: [list, gc, verify, warm],
};
