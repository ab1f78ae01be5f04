import type { FleetVm } from '../../model/fleet';
import { CommandError, type Run } from '../../process/run';
import { SSH_CONNECTION_FAILED } from '../exit-codes';
import type { LoadedFleet } from '../fleet-file';
import { sshArguments, supervisedCommand } from '../ssh/remote-command';
import { type HelperResult, parseHelperLine } from './helper-line';
import type { VmOutcome } from './report';

/** What {@link askVm} works with. */
export interface AskTools {
  readonly run: Run;
  readonly signal: AbortSignal;
  /** Called with what the VM says while it works. */
  readonly onProgress: (text: string) => void;
  /** Why a VM cannot be reached, as `status` would say it; undefined when it can. */
  readonly explain: (vm: FleetVm) => Promise<{ readonly reason: string; readonly remedy: string } | undefined>;
}

/** Longest that the VM's sshd may take to answer: an emulated VM under load needs seconds. */
const CONNECT_SECONDS = 15;
/** What a shell ends with when it finds no such program. */
const NOT_FOUND = 127;

/**
 * Runs a program on a VM that speaks as the helper does.
 *
 * @throws CommandError when the signal fired
 */
export async function askVm(
  loaded: LoadedFleet,
  vm: FleetVm,
  argv: readonly string[],
  tools: AskTools,
): Promise<VmOutcome> {
  const options = ['-T', '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR', '-o', `ConnectTimeout=${CONNECT_SECONDS}`];
  let result: HelperResult | undefined;
  try {
    await tools.run('ssh', sshArguments(loaded.sshConfig, options, vm.name, supervisedCommand(argv)), {
      signal: tools.signal,
      onLine: (text) => {
        const line = parseHelperLine(text);
        if (line?.type === 'progress') tools.onProgress(line.text);
        if (line?.type === 'result') result = line;
      },
    });
  } catch (error) {
    if (!(error instanceof CommandError) || error.cancelled) throw error;
    if (result === undefined) return failure(vm, await reasonOf(error, vm, tools));
  }
  if (result === undefined) return failure(vm, endedEarly(vm, 'it ended without a result'));
  return result.ok
    ? { id: vm.id, name: vm.name, ok: true, packages: result.packages, inHub: null, error: null }
    : failure(vm, result.error);
}

function failure(vm: FleetVm, error: NonNullable<VmOutcome['error']>): VmOutcome {
  return { id: vm.id, name: vm.name, ok: false, packages: [], inHub: null, error };
}

async function reasonOf(error: CommandError, vm: FleetVm, tools: AskTools): Promise<NonNullable<VmOutcome['error']>> {
  const said = lastLine(error.stderr);
  if (error.exitCode === SSH_CONNECTION_FAILED) {
    const found = await tools.explain(vm);
    return {
      code: 'vm-not-usable',
      problem: found?.reason ?? `ssh lost the connection: ${said}`,
      remedy: found?.remedy ?? 'run it again: what was begun on the VM is finished there',
    };
  }
  if (error.exitCode === NOT_FOUND) {
    return {
      code: 'helper-missing',
      problem: 'the VM has no buildfleet-helper: its image is older than that',
      remedy: 'deploy, which replaces the VM by one of today’s image',
    };
  }
  return endedEarly(vm, said === '' ? `it ended with exit code ${error.exitCode ?? 'unknown'}` : said);
}

function endedEarly(vm: FleetVm, said: string): NonNullable<VmOutcome['error']> {
  return {
    code: 'helper-failed',
    problem: `the VM’s helper gave no answer: ${said}`,
    remedy: `look into its journal: \`buildfleet ssh ${vm.id}\``,
  };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
