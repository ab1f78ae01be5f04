import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rsyncShell } from '../../../src/cli/work/rsync-shell';
import { filterRules } from '../../../src/cli/project/ignore-rules';
import type { FleetVm } from '../../../src/model/fleet';
import { run } from '../../../src/process/run';
import type { BenchContext, Benchmark, Figure } from '../figure';
import { figureLine } from '../report';
import { interleaved, interleavedWhenWarm, secondsOf } from '../timing';
import { type WorkFleet, withWorkFleet } from '../work-fleet';

const ROUNDS = 5;
const FIRST_SYNCS = 2;

const FETCHED_MEBIBYTES = 10;

/** As many files, of as many bytes each. */
const FILES = 10_000;
const FOLDERS = 100;

const PROJECT = {
  'tiny.cabal': `cabal-version: 2.4
name: tiny
version: 0.1
build-type: Simple

executable tiny
  main-is: Main.hs
  build-depends: base
  default-language: Haskell2010
`,
  'Main.hs': 'main :: IO ()\nmain = putStrLn "tiny"\n',
};

/** Cost of the CLI on top of the ssh, the rsync and the cabal that do the work, all over the same connection. */
export const work: Benchmark = (context) =>
  withWorkFleet(context, async (fleet) => {
    const figures: Figure[] = [];
    for (const part of [commands, build, fetching, sync]) {
      const found = await part(fleet, context);
      // All of it takes a while.
      for (const figure of found) context.progress(figureLine(figure));
      figures.push(...found);
    }
    return { figures };
  });

async function commands(fleet: WorkFleet, { progress }: BenchContext): Promise<Figure[]> {
  const { id, name } = firstVm(fleet);
  const work = {
    node: () => secondsOf(() => run(process.execPath, ['--eval', '0'])),
    help: () => secondsOf(() => fleet.cli(['--help'])),
    ssh: () => secondsOf(() => fleet.ssh(name, 'true')),
    exec: () => secondsOf(() => fleet.cli(['exec', id, '--', 'true'])),
  };
  await fleet.cli(['exec', id, '--', 'true']);
  progress('running a command that does nothing');
  const { node, help, ssh, exec } = await interleavedWhenWarm(ROUNDS, work);
  return [
    {
      ...{ what: '`buildfleet --help`', value: help, unit: 's' },
      peer: { what: 'an empty node', value: node },
      limit: { plus: 0.15 },
    },
    {
      ...{ what: '`buildfleet exec VM -- true`, connection open', value: exec, unit: 's' },
      peer: { what: '`ssh VM true` over the same connection', value: ssh },
      limit: { factor: 3, plus: 0 },
    },
  ];
}

async function build(fleet: WorkFleet, { progress }: BenchContext): Promise<Figure[]> {
  const root = join(fleet.directory, 'tiny');
  mkdirSync(root);
  for (const [name, text] of Object.entries(PROJECT)) writeFileSync(join(root, name), text);
  progress('building a small project');
  const vm = vmThatBuilt((await fleet.cli(['build'], root)).stderr);
  const { workspace } = await synchronize(fleet, root, vm);
  // Without a package index cabal fails at once, so it gets the options that the CLI gives it.
  const command = [
    '. ~/.ghcup/env',
    'config=~/.cache/buildfleet/without-repository',
    'if [ -e "$config" ]; then export CABAL_CONFIG="$config"; fi',
    `cd ${workspace}`,
    'exec cabal build all',
  ].join('; ');
  try {
    const work = {
      bare: () => secondsOf(() => fleet.ssh(vm, command)),
      build: () =>
        secondsOf(async () => {
          const other = vmThatBuilt((await fleet.cli(['build'], root)).stderr);
          if (other !== vm) throw new Error(`this was built on ${other} and not on ${vm}`);
        }),
    };
    progress('building it again');
    const seconds = await interleavedWhenWarm(ROUNDS, work);
    return [
      {
        ...{ what: '`buildfleet build`, nothing to do', value: seconds.build, unit: 's' },
        peer: { what: '`ssh VM cabal build` over the same connection', value: seconds.bare },
        limit: { factor: 1, plus: 0.5 },
      },
    ];
  } finally {
    await removeWorkspace(fleet, vm, workspace);
  }
}

/** What a stand-in for cabal has built: a program, and the plan that names it. */
async function fetching(fleet: WorkFleet, { progress }: BenchContext): Promise<Figure[]> {
  const root = join(fleet.directory, 'fetched');
  mkdirSync(root);
  writeFileSync(join(root, 'fetched.cabal'), '');
  const { name } = firstVm(fleet);
  const { workspace } = await synchronize(fleet, root, name);
  const built = `${workspace}/dist-newstyle`;
  const unit = { type: 'configured', id: 'app', 'pkg-name': 'app', style: 'local', 'component-name': 'exe:app' };
  const plan = { 'compiler-id': 'ghc-9.6.6', 'install-plan': [{ ...unit, 'bin-file': `${built}/app` }] };
  const commandLine = [
    `mkdir -p ${built}/cache`,
    `head -c ${FETCHED_MEBIBYTES}M /dev/urandom >${built}/app`,
    `printf %s '${JSON.stringify(plan)}' >${built}/cache/plan.json`,
  ];
  try {
    await fleet.ssh(name, commandLine.join(' && '));
    progress(`fetching ${FETCHED_MEBIBYTES} MiB`);
    const work = { fetch: () => secondsOf(() => fleet.cli(['fetch', '--vm', name], root)) };
    const { fetch } = await interleavedWhenWarm(ROUNDS, work);
    return [
      {
        ...{ what: `\`buildfleet fetch\` of ${FETCHED_MEBIBYTES} MiB, unchanged`, value: fetch, unit: 's' },
        limit: { plus: 1.2 },
      },
    ];
  } finally {
    await removeWorkspace(fleet, name, workspace);
  }
}

async function sync(fleet: WorkFleet, { signal, progress }: BenchContext): Promise<Figure[]> {
  const root = join(fleet.directory, 'many');
  mkdirSync(root);
  const vm = firstVm(fleet);
  const { workspace } = await synchronize(fleet, root, vm.name);
  for (let folder = 0; folder < FOLDERS; folder++) {
    mkdirSync(join(root, `Folder${folder}`), { recursive: true });
    for (let file = 0; file < FILES / FOLDERS; file++)
      writeFileSync(
        join(root, `Folder${folder}/File${file}.hs`),
        `module Folder${folder}.File${file} where\n`.repeat(50),
      );
  }
  const copy = `${workspace}-copy`;
  const args = [
    ...['--recursive', '--links', '--perms', '--times', '--delete', '--rsh', rsyncShell(fleet.connections, vm)],
    ...filterRules('').flatMap((rule) => ['--filter', rule]),
    ...['--', `${root}/`, `${vm.name}:${copy}/`],
  ];
  const rsync = () => run('rsync', args, { signal });
  let edits = 0;
  const edited = async (action: () => Promise<unknown>): Promise<number> => {
    writeFileSync(join(root, 'Folder7/File7.hs'), `-- ${++edits}\n`);
    return secondsOf(action);
  };
  const afresh = async (directory: string, action: () => Promise<unknown>): Promise<number> => {
    await fleet.ssh(vm.name, `rm -rf -- ${directory} && sync`);
    return secondsOf(action);
  };
  try {
    progress(`sending ${FILES} files`);
    const first = await interleaved(FIRST_SYNCS, {
      bare: () => afresh(copy, rsync),
      sync: () => afresh(workspace, () => synchronize(fleet, root, vm.name)),
    });
    progress('sending one of them');
    const work = { bare: () => edited(rsync), sync: () => edited(() => synchronize(fleet, root, vm.name, 1)) };
    const one = await interleavedWhenWarm(ROUNDS, work);
    const what = 'rsync alone over the same connection';
    return [
      {
        ...{ what: `\`buildfleet sync\` of ${FILES} files, one of them changed`, value: one.sync, unit: 's' },
        peer: { what, value: one.bare },
        limit: { factor: 1.2, plus: 0 },
      },
      {
        ...{ what: `first \`buildfleet sync\` of ${FILES} files`, value: first.sync, unit: 's' },
        peer: { what, value: first.bare },
        limit: { factor: 1.1, plus: 0 },
      },
    ];
  } finally {
    await removeWorkspace(fleet, vm.name, workspace);
    await fleet.ssh(vm.name, `rm -rf -- ${copy}`);
  }
}

/** Sends a project to one VM, and gives the path of its workspace there. */
async function synchronize(
  fleet: WorkFleet,
  root: string,
  vmName: string,
  expected?: number,
): Promise<{ workspace: string }> {
  const { stdout } = await fleet.cli(['sync', '--vm', vmName, '--json'], root);
  const { workspace, files } = JSON.parse(stdout.toString()) as { workspace: string; files: number };
  if (expected !== undefined && files !== expected) throw new Error(`${files} files were sent, and not ${expected}`);
  return { workspace: `/build/${workspace}` };
}

async function removeWorkspace(fleet: WorkFleet, vmName: string, workspace: string): Promise<void> {
  const books = workspace.replace('/build/', '/build/.buildfleet/');
  await fleet.ssh(vmName, `rm -rf -- ${workspace} ${books}.*`);
}

/** It has said where it builds, and why. */
function vmThatBuilt(stderr: string): string {
  const name = /^on (\S+): /m.exec(stderr)?.[1];
  if (name === undefined) throw new Error(`it does not say where it builds: ${stderr}`);
  return name;
}

function firstVm(fleet: WorkFleet): FleetVm {
  const [vm] = fleet.loaded.fleet.vms;
  if (vm === undefined) throw new Error('the fleet has no VM');
  return vm;
}
