import { basename, join } from 'node:path';
import { RUN_VARIABLE } from '../../model/journal';
import { expandHome, FleetPaths } from '../../model/paths';
import type { runApart } from '../../process/apart';
import { JournalFollower } from './journal-follower';
import { type DeployProject, stateDirectoryOf } from './project';
import { RunLog } from './run-log';
import { programOutput, TerraformOutput } from './terraform-output';
import type { View } from './views';

/** One call of the cdktf command. */
export interface CdktfCall {
  readonly command: 'deploy' | 'diff' | 'destroy';
  readonly stack: string;
  readonly project: DeployProject;
  readonly home: string;
  readonly view: View;
  readonly signal: AbortSignal;
  readonly runApart: typeof runApart;
}

export interface CdktfResult {
  readonly exitCode: number;
  readonly output: TerraformOutput;
  readonly seconds: number;
  /** Where the output is kept; null where it is not. */
  readonly log: string | null;
  /** Directory of the fleet's journals; null where synth did not say it. */
  readonly journals: string | null;
}

/** How often the journal is looked at and the view drawn. */
const TICK_MS = 100;

/** Runs cdktf without a question, shows the journal's events meanwhile, and returns cdktf's output. */
export async function callCdktf(call: CdktfCall): Promise<CdktfResult> {
  const { command, stack, project, view, signal } = call;
  const begun = Date.now();
  const run = `${new Date(begun).toISOString().replace(/[-:]|\.\d+/g, '')}-${process.pid}`;
  const journals = (): string | undefined => {
    // A coarse clock of the file system may be behind this process's.
    const found = stateDirectoryOf(project, stack, begun - 1000);
    return found === undefined ? undefined : new FleetPaths(expandHome(found, call.home)).journal;
  };
  const follower = new JournalFollower(() => {
    const directory = journals();
    return directory === undefined ? undefined : join(directory, `${run}.jsonl`);
  });
  // A diff changes nothing, and is shown in full.
  const log = new RunLog(run, () => (command === 'diff' ? undefined : journals()));
  const output = new TerraformOutput(stack);
  const take = (lines: readonly string[]): void => {
    log.write(lines);
    for (const line of lines) {
      const printed = programOutput(line);
      if (printed !== undefined) view.line(printed);
    }
  };
  const look = (): void => {
    for (const event of follower.read()) view.event(event);
    // A diff ends where changes would begin.
    const phase = command === 'diff' && output.phase === 'changing' ? 'finished' : output.phase;
    view.tick(signal.aborted ? 'stopping in order' : `${stack}: ${phase}`);
  };
  look();
  const timer = setInterval(look, TICK_MS);
  try {
    const approval = command === 'diff' ? [] : ['--auto-approve'];
    const exitCode = await call.runApart(project.cdktf, [command, stack, ...approval], {
      cwd: project.directory,
      env: { ...project.environment, [RUN_VARIABLE]: run, FORCE_COLOR: '0', NO_COLOR: '1' },
      onText: (text) => {
        take(output.take(text));
      },
      signal,
      isWorker: (argv) => argv.slice(0, 2).some((word) => basename(word) === basename(project.terraform)),
    });
    take(output.end());
    look();
    const seconds = (Date.now() - begun) / 1000;
    return { exitCode, output, seconds, log: log.path ?? null, journals: journals() ?? null };
  } finally {
    clearInterval(timer);
    log.close();
    follower.close();
    view.close();
  }
}
