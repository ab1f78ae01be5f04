import { type Context, openFleet } from '../context';
import { variablesOf } from '../project/environment';
import { sendingOf } from '../project/sending';
import { ProjectWork } from '../work/project-work';
import { scriptText } from '../work/script';
import { type ProjectOptions, projectOf, runThere, untilInterrupted } from '../work/run';

/** `buildfleet exec --project`: sources over, then any command there. It is not begun anew when the VM is lost. */
export async function execInProject(
  context: Context,
  options: ProjectOptions,
  command: readonly string[],
): Promise<number> {
  const work = new ProjectWork(context, openFleet(context));
  const project = projectOf(context, options.project, false);
  const request = { project, sending: sendingOf(context, options), vm: options.vm, ghc: options.ghc, again: false };
  const variables = variablesOf(context, project.root, options.env);
  // Also where a shell runs it.
  const prepare = command.some((word) => /\bcabal\b/.test(word)) ? scriptText('cabal') : undefined;
  return untilInterrupted(context, () =>
    work.withSources(request, (place, sent) =>
      runThere(work, project.subdirectory, place, { argv: command, variables, prepare, after: sent }),
    ),
  );
}
