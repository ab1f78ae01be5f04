import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { lazy } from '../../model/lazy';
import { markBuildDirectories } from './build-directory';
import { type CabalTask, cabalArguments, compilerOfProject } from './cabal';
import type { Synced } from './report';
import { runInWorkspace, type WorkspaceCommand } from './run-in-workspace';
import { scriptText } from './script';
import { type Place, ProjectWork, type SourcesRequest } from './project-work';
import { type Context, openFleet } from '../context';
import { EXIT, INTERRUPTED } from '../exit-codes';
import { printError } from '../print-error';
import { findProject, type Project } from '../project/find-project';
import { variablesOf } from '../project/environment';
import { sendingOf } from '../project/sending';
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
 * @param args targets and options for cabal
 */
export async function cabal(
  context: Context,
  task: CabalTask,
  options: ProjectOptions,
  args: readonly string[],
): Promise<number> {
  const work = new ProjectWork(context, openFleet(context));
  const project = projectOf(context, options.project, true);
  const sending = sendingOf(context, options);
  const variables = variablesOf(context, project.root, options.env);
  const ghc = options.ghc ?? compilerOfProject(project.root);
  // What a program has done and read is not undone by beginning anew.
  const again = task !== 'repl' && task !== 'run';
  const commandAt = (place: Place) => {
    // The project's own choice needs no repetition, and a command line would have cabal configure it anew.
    const ghcVersion = options.ghc === undefined ? undefined : place.ghcVersion;
    const isOnePackage = options.project !== undefined && project.packageDirectory !== '';
    const argv = ['cabal', ...cabalArguments(task, ghcVersion, args, isOnePackage)];
    // A prompt draws its line itself, and a program writes anything.
    const pathsFrom = existsSync(join(project.root, 'cabal.project')) ? project.root : undefined;
    return { argv, prepare: scriptText('cabal'), isText: again, pathsFrom, subdirectory: project.packageDirectory };
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
