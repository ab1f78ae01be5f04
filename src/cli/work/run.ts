import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { lazy } from '../../model/lazy';
import { markBuildDirectories } from './build-directory';
import { type CabalTask, cabalArguments, projectFileOf } from './cabal';
import type { Synced } from './report';
import { runInWorkspace, type WorkspaceCommand } from './run-in-workspace';
import { scriptText } from './script';
import { type Place, ProjectWork, type SourcesRequest } from './project-work';
import { type Context, openFleet } from '../context';
import { EXIT, INTERRUPTED } from '../exit-codes';
import { printError } from '../print-error';
import { readCabalProject } from '../project/cabal-project';
import { compilerOf, compilerOfArguments } from '../project/compiler';
import { variablesOf } from '../project/environment';
import { findProject, type Project } from '../project/find-project';
import { checkPackages, hpackDirectories } from '../project/packages';
import { sendingOf } from '../project/sending';
import { understandWords } from '../project/words';
import { hpackScript } from './hpack';
import type { SendingOptions } from './options';

const onSave = lazy<typeof import('./build-on-save')>(() => require('./build-on-save'));
const repl = lazy<typeof import('./repl')>(() => require('./repl'));
const watcher = lazy<typeof import('./source-watcher')>(() => require('./source-watcher'));

/** Options of the commands that work on a project. */
export interface ProjectOptions extends SendingOptions {
  /** Directory; undefined: the project around the working directory. */
  readonly project: string | undefined;
  readonly vm?: string | undefined;
  readonly ghc?: string | undefined;
  /** `--env` */
  readonly env?: readonly string[] | undefined;
  /** Whether to begin again whenever something is saved, until Ctrl-C. Default false. */
  readonly watch?: boolean | undefined;
}

/**
 * `buildfleet build|test|run|bench|haddock|repl`: sources over, then cabal there on our own terminal.
 *
 * @param words the project, or targets
 * @param rest options for cabal; where `run` is given a target, arguments of the program, as with cabal
 */
export async function cabal(
  context: Context,
  task: CabalTask,
  options: Omit<ProjectOptions, 'project'>,
  words: readonly string[],
  rest: readonly string[],
): Promise<number> {
  const work = new ProjectWork(context, openFleet(context));
  const { project, targets, isOnePackage } = understandWords(words, { cwd: process.cwd(), home: context.home });
  const isForProgram = task === 'run' && targets.length > 0 && rest.length > 0;
  const args = [...targets, ...(isForProgram ? ['--'] : []), ...rest];
  const sending = sendingOf(context, options);
  const variables = variablesOf(context, project.root, options.env);
  const file = projectFileOf(args);
  const settings = file === undefined ? [] : readCabalProject(project.root, file);
  for (const remark of checkPackages(project.root, context.home, settings)) context.terminal.message(remark);
  const hpack = hpackDirectories(project.root, settings);
  const given =
    options.ghc === undefined ? compilerOfArguments(args) : { compiler: undefined, isGiven: true, others: args };
  const compiler = given.isGiven ? given.compiler : compilerOf(settings);
  const ghc = options.ghc ?? compiler?.version;
  // What a program has done and read is not undone by beginning anew.
  const again = task !== 'repl' && task !== 'run';
  const commandAt = (place: Place) => {
    const { vm, ghcVersion } = place;
    // The project's own choice needs no repetition, and a command line would have cabal configure it anew. But a path is
    // one of this workstation, and the begin of a version is no program.
    const isSettled = !given.isGiven && compiler?.isPath === false && compiler.version === ghcVersion;
    if (compiler?.isPath === true && ghcVersion !== undefined) {
      context.terminal.message(
        `${compiler.place} names a path of this workstation: GHC ${ghcVersion} of ${vm.name} is taken`,
      );
    }
    const argv = ['cabal', ...cabalArguments(task, isSettled ? undefined : ghcVersion, given.others, isOnePackage)];
    const prepare = `${hpackScript(hpack, vm)}${scriptText('cabal')}`;
    // A prompt draws its line itself, and a program writes anything.
    const pathsFrom = existsSync(join(project.root, 'cabal.project')) ? project.root : undefined;
    return { argv, prepare, isText: again, pathsFrom, subdirectory: project.packageDirectory };
  };
  if (task === 'repl')
    return repl().openPrompt(work, { project, sending, vm: options.vm, ghc, again, variables }, commandAt);
  const once = (part: ProjectWork, vm: string | undefined, { cancel, onPlace }: CabalChanges = {}) =>
    part.withSources({ project, sending, vm, ghc, again: again && cancel === undefined }, (place, sent) => {
      onPlace?.(place);
      const { subdirectory, ...command } = commandAt(place);
      return runThere(part, subdirectory, place, { ...command, variables, after: sent, cancel });
    });
  return untilInterrupted(context, () =>
    options.watch === true ? watched(work, { project, sending, vm: options.vm }, once) : once(work, options.vm),
  );
}

/** What differs in a build that a save began. */
interface CabalChanges {
  readonly cancel?: AbortSignal;
  readonly onPlace?: (place: Place) => void;
}

/** Builds on each save. The VM that was chosen for the first build stays, unless it cannot be used any more. */
function watched(
  work: ProjectWork,
  { project, sending, vm }: Pick<SourcesRequest, 'project' | 'sending' | 'vm'>,
  once: (part: ProjectWork, vm: string | undefined, changes: CabalChanges) => Promise<number>,
): Promise<number> {
  const { terminal, run, signal } = work.context;
  let chosen = vm;
  return onSave().buildOnSave({
    terminal,
    signal,
    watch: async (onChange) => {
      const onError = (error: unknown) => void printError(error, terminal, false);
      const request = { root: project.root, sending, onChange, onError };
      const sources = await watcher().SourceWatcher.start({ run, signal }, request);
      return () => sources.close();
    },
    build: async (cancel) => {
      const onPlace = (place: Place) => {
        chosen = place.vm.id;
      };
      try {
        return await once(work.until(cancel), chosen, { cancel, onPlace });
      } catch (error) {
        if (!cancel.aborted) chosen = vm;
        throw error;
      }
    },
  });
}

/** `buildfleet sync`: sources over, and nothing else. */
export async function syncOnly(context: Context, options: ProjectOptions): Promise<number> {
  const work = new ProjectWork(context, openFleet(context));
  const project = projectOf(context, options.project, false);
  const sending = sendingOf(context, options);
  return untilInterrupted(context, async () => {
    const request = { project, sending, vm: options.vm, ghc: undefined, again: true };
    const { place, files, deleted, bytes } = await work.withSources(request, async (place, sent) => ({
      place,
      ...(await sent),
    }));
    const { name } = place.vm;
    const report: Synced = { formatVersion: 1, vm: name, workspace: place.workspace, files, deleted, bytes };
    context.terminal.data(
      context.terminal.json
        ? JSON.stringify(report)
        : `${name}:/build/${place.workspace}: ${files} files sent (${bytes} bytes), ${deleted} deleted`,
    );
    return EXIT.ok;
  });
}

/** Runs a command in a directory of the workspace. */
export function runThere(
  { context: { signal }, connections }: ProjectWork,
  subdirectory: string,
  { vm, workspace }: Place,
  command: Omit<WorkspaceCommand, 'vm' | 'workspace' | 'subdirectory'>,
): Promise<number> {
  const prepare = `${markBuildDirectories(workspace, command.argv)}${command.prepare ?? ''}`;
  return runInWorkspace({ signal, connections }, { vm, workspace, subdirectory, ...command, prepare });
}

export function projectOf(context: Context, option: string | undefined, cabalFiles: boolean): Project {
  return findProject({ option, cwd: process.cwd(), home: context.home, cabal: cabalFiles });
}

/** Ctrl-C before there is a command to pass it on to ends the work without a complaint. */
export async function untilInterrupted(context: Context, action: () => Promise<number>): Promise<number> {
  try {
    return await action();
  } catch (error) {
    if (context.signal.aborted) return INTERRUPTED;
    throw error;
  }
}
