import { markBuildDirectories } from './build-directory';
import { type CabalTask, cabalArguments, compilerOfProject } from './cabal';
import type { Synced } from './report';
import { runInWorkspace, type WorkspaceCommand } from './run-in-workspace';
import { scriptText } from './script';
import { type Place, ProjectWork } from './project-work';
import { type Context, openFleet } from '../context';
import { EXIT, INTERRUPTED } from '../exit-codes';
import { findProject, type Project } from '../project/find-project';
import { sendingOf } from '../project/sending';
import type { SendingOptions } from './options';

/** Options of the commands that work on a project. */
export interface ProjectOptions extends SendingOptions {
  /** Directory; undefined: the project around the working directory. */
  readonly project: string | undefined;
  readonly vm?: string | undefined;
  readonly ghc?: string | undefined;
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
  const ghc = options.ghc ?? compilerOfProject(project.root);
  // What a program has done and read is not undone by beginning anew.
  const again = task !== 'repl' && task !== 'run';
  return untilInterrupted(context, () =>
    work.withSources({ project, sending, vm: options.vm, ghc, again }, (place, sent) => {
      // The project's own choice needs no repetition, and a command line would have cabal configure it anew.
      const ghcVersion = options.ghc === undefined ? undefined : place.ghcVersion;
      const isOnePackage = options.project !== undefined && project.packageDirectory !== '';
      const argv = ['cabal', ...cabalArguments(task, ghcVersion, args, isOnePackage)];
      // A prompt draws its line itself, and a program writes anything.
      const isText = again;
      const subdirectory = project.packageDirectory;
      return runThere(work, subdirectory, place, { argv, prepare: scriptText('cabal'), isText, after: sent });
    }),
  );
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
  command: Pick<WorkspaceCommand, 'argv' | 'prepare' | 'isText' | 'after'>,
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
