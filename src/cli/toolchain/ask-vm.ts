import type { FleetVm } from '../../model/fleet';
import { SshFailure } from '../../ssh/failure';
import type { Connections } from '../ssh/connections';
import { supervisedCommand } from '../ssh/remote-command';
import { type HelperResult, parseHelperLine } from './helper-line';
import type { VmOutcome } from './report';

/** Most that the helper may print, in bytes: apt names each file of a hundred packages. */
const LARGEST_ANSWER = 16 * 2 ** 20;

/** Tools of {@link askVm}. */
export interface AskTools {
  readonly connections: Connections;
  /** Called with the VM's messages during the work. */
  readonly onProgress: (text: string) => void;
  /** Why a VM cannot be reached, as `status` would say it; undefined when it can. */
  readonly explain: (vm: FleetVm) => Promise<{ readonly reason: string; readonly remedy: string } | undefined>;
}

/**
 * Runs a program on a VM that uses the helper's protocol.
 *
 * @throws CommandError when the signal fired
 */
export async function askVm(vm: FleetVm, argv: readonly string[], tools: AskTools): Promise<VmOutcome> {
  let result: HelperResult | undefined;
  try {
    await tools.connections.run(vm, {
      what: 'the helper',
      limit: LARGEST_ANSWER,
      command: supervisedCommand(argv),
      onLine: (text) => {
        const line = parseHelperLine(text);
        if (line?.type === 'progress') tools.onProgress(line.text);
        if (line?.type === 'result') result = line;
      },
    });
  } catch (error) {
    if (!(error instanceof SshFailure)) throw error;
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

async function reasonOf(
  { kind, said, exitCode, message }: SshFailure,
  vm: FleetVm,
  tools: AskTools,
): Promise<NonNullable<VmOutcome['error']>> {
  switch (kind) {
    case 'unreachable':
    case 'key-refused':
    case 'host-key-differs': {
      const found = await tools.explain(vm);
      return {
        code: 'vm-not-usable',
        problem: found?.reason ?? `ssh lost the connection: ${said}`,
        remedy: found?.remedy ?? 'run it again: what was begun on the VM is finished there',
      };
    }
    case 'program-missing':
      return {
        code: 'helper-missing',
        problem: 'the VM has no buildfleet-helper: its image is older than that',
        remedy: 'deploy, which replaces the VM by one of today’s image',
      };
    default:
      return endedEarly(vm, said || (exitCode === undefined ? message : `it ended with exit code ${exitCode}`));
  }
}

function endedEarly(vm: FleetVm, said: string): NonNullable<VmOutcome['error']> {
  return {
    code: 'helper-failed',
    problem: `the VM’s helper gave no answer: ${said}`,
    remedy: `look into its journal: \`buildfleet ssh ${vm.id}\``,
  };
}
