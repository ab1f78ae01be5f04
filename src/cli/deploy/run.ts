import { DEFAULT_FLEET } from '../../model/defaults';
import { FleetError } from '../../model/errors';
import { removeJournals } from '../../provider/journal/directory';
import { runApart } from '../../process/apart';
import type { Context } from '../context';
import { askYesNo } from './ask';
import { callCdktf, type CdktfCall, type CdktfResult } from './cdktf';
import { openProject } from './project';
import type { DeployResult } from './result';
import { JsonView, LiveView, PlainView, renderChanges, type View } from './views';
import { EXIT, INTERRUPTED } from '../exit-codes';

export interface DeployOptions {
  /** `--yes` */
  readonly yes: boolean;
}

type Call = Omit<CdktfCall, 'command' | 'view'>;

/** `buildfleet diff [STACK]`: what a deploy would change. */
export async function diff(context: Context, stack = DEFAULT_FLEET): Promise<number> {
  const call = prepare(context, stack);
  const result = await callCdktf({ ...call, command: 'diff', view: chooseView(context) });
  if (context.terminal.json) printResult(context, 'diff', stack, result);
  else if (result.exitCode === 0) context.terminal.data(planOf(result));
  return conclude(context, result);
}

/** `buildfleet deploy [STACK]`: makes the fleet real. */
export async function deploy(context: Context, stack = DEFAULT_FLEET, { yes }: DeployOptions): Promise<number> {
  const call = prepare(context, stack);
  if (!yes) {
    requireTerminal(context, 'deploy');
    const plan = await callCdktf({ ...call, command: 'diff', view: chooseView(context) });
    if (plan.exitCode !== 0 || context.signal.aborted) return conclude(context, plan);
    context.terminal.error(planOf(plan));
    if (plan.output.hasNoChanges) return EXIT.ok;
    if (!(await askYesNo(`Deploy these changes to ${stack}?`, context.signal))) return refused(context);
  }
  return change(context, call, 'deploy');
}

/** `buildfleet destroy [STACK]`: takes the fleet away. */
export async function destroy(context: Context, stack = DEFAULT_FLEET, { yes }: DeployOptions): Promise<number> {
  const call = prepare(context, stack);
  if (!yes) {
    requireTerminal(context, 'destroy');
    const question = `Destroy the VMs, keys, services and files of ${stack}?`;
    if (!(await askYesNo(question, context.signal))) return refused(context);
  }
  return change(context, call, 'destroy');
}

async function change(context: Context, call: Call, command: 'deploy' | 'destroy'): Promise<number> {
  const result = await callCdktf({ ...call, command, view: chooseView(context) });
  const { exitCode, output, seconds, journals } = result;
  // The provider leaves the journals to this process, which was writing one of them until now.
  if (command === 'destroy' && exitCode === 0 && journals !== null) removeJournals(journals);
  if (context.terminal.json) printResult(context, command, call.stack, result);
  else if (exitCode === 0) {
    const changes = output.done ?? { add: 0, change: 0, destroy: 0 };
    context.terminal.message(`${call.stack}: ${renderChanges(changes, seconds)}`);
  }
  return conclude(context, result);
}

function prepare(context: Context, stack: string): Call {
  const project = openProject(process.cwd(), context.environment);
  const { home, signal } = context;
  context.signal.addEventListener(
    'abort',
    () => {
      context.terminal.message('interrupted: Terraform and the provider end what cannot be left half done');
    },
    { once: true },
  );
  return { stack, project, home, signal, runApart };
}

function chooseView({ terminal, environment }: Context): View {
  if (terminal.json) return new JsonView(terminal);
  const { stderr } = process;
  const isLive = stderr.isTTY && environment['TERM'] !== 'dumb' && terminal.quiet !== true;
  if (!isLive) {
    return new PlainView((text) => {
      terminal.message(text);
    });
  }
  return new LiveView(stderr, () => stderr.columns, (environment['NO_COLOR'] ?? '') === '');
}

/** Prints the errors in full, and returns the exit code. */
function conclude({ terminal, signal }: Context, { exitCode, output, log }: CdktfResult): number {
  if (exitCode !== 0 && !terminal.json) {
    // Without an error of Terraform, the one of synth or cdktf is in the text.
    const said = output.errors.length === 0 ? [output.text] : output.errors;
    for (const error of said) terminal.error(`\n${error}`);
    if (log !== null) terminal.error(`\neverything that was printed: ${log}`);
  }
  return signal.aborted ? INTERRUPTED : exitCode;
}

/** Terraform's plan, without the lines before it and the advice after it. */
function planOf({ output: { text } }: CdktfResult): string {
  const begin = text.search(
    /^(Terraform used the selected providers|No changes\. |Changes to Outputs|Note: Objects have)/m,
  );
  return (begin === -1 ? text : text.slice(begin)).split(/\n─{10,}\n/)[0]?.trimEnd() ?? '';
}

function printResult(
  { terminal, signal }: Context,
  command: DeployResult['command'],
  stack: string,
  { exitCode, output, seconds, log }: CdktfResult,
): void {
  const result: DeployResult = {
    event: 'result',
    formatVersion: 1,
    command,
    stack,
    exitCode,
    interrupted: signal.aborted,
    seconds,
    planned: output.planned ?? null,
    done: output.done ?? null,
    errors: output.errors,
    text: command === 'diff' ? output.text : null,
    log,
  };
  terminal.data(JSON.stringify(result));
}

function requireTerminal({ terminal }: Context, command: string): void {
  if (process.stdin.isTTY && process.stderr.isTTY && !terminal.json) return;
  throw new FleetError({
    code: 'usage',
    problem: 'the changes cannot be confirmed here',
    place: `buildfleet ${command}`,
    remedy: 'give --yes, or run it in a terminal without --json',
  });
}

function refused({ terminal }: Context): number {
  terminal.message('nothing was changed');
  return EXIT.failure;
}
