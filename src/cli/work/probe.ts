import type { FleetVm } from '../../model/fleet';
import type { Run } from '../../process/run';
import { BUILD_ROOT } from '../project/workspace';
import type { Connections } from '../ssh/connections';
import { scriptCommand } from '../ssh/remote-command';
import { scriptText } from './script';

/** What a machine says of itself right now. */
export interface Probe {
  /** Load average of the last minute. */
  readonly load: number;
  readonly cpus: number;
  readonly memoryFreeMib: number;
  /** When the workspace that was asked for was last used, in seconds since 1970; undefined when it is not there. */
  readonly workspaceUsed: number | undefined;
  /** Names of the workspaces that are being built. */
  readonly building: readonly string[];
  readonly draining: boolean;
}

export interface MachineProbeTools {
  readonly run: Run;
  readonly connections: Connections;
}

/**
 * Asks a machine over the shared connection, which is made if there is none.
 *
 * @throws CommandError when the machine cannot be reached, or does not answer before the signal fires
 */
export async function probe(
  { run, connections }: MachineProbeTools,
  vm: FleetVm,
  workspace: string,
  { signal, timeoutSeconds }: { readonly signal: AbortSignal; readonly timeoutSeconds: number },
): Promise<Probe> {
  await connections.open(vm, { timeoutSeconds, signal });
  const command = scriptCommand('probe', scriptText('probe'), [BUILD_ROOT, workspace]);
  const { stdout } = await run('ssh', connections.arguments(vm, ['-T', '-o', 'LogLevel=ERROR'], command), {
    signal,
    timeout: timeoutSeconds * 1000,
  });
  return parseProbe(stdout);
}

/** Reads what `assets/cli/probe.sh` prints. Words that are not known say nothing. */
export function parseProbe(text: string): Probe {
  const values = (word: string) =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${word} `))
      .map((line) => line.slice(word.length + 1));
  const number = (word: string) => {
    const value = Number(values(word)[0] ?? NaN);
    return Number.isFinite(value) ? value : undefined;
  };
  return {
    load: number('load') ?? 0,
    cpus: Math.max(1, number('cpus') ?? 1),
    memoryFreeMib: number('memory-free') ?? 0,
    workspaceUsed: number('workspace'),
    building: values('building'),
    draining: text.split('\n').includes('draining'),
  };
}
