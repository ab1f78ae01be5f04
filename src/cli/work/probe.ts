import type { FleetVm } from '../../model/fleet';
import { BUILD_ROOT } from '../project/workspace';
import type { Connections } from '../ssh/connections';
import { scriptCommand } from '../ssh/remote-command';
import { scriptText } from './script';

/** Present state of a machine, as it reports it. */
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

/**
 * Asks a machine over the shared connection, which is made if there is none.
 *
 * @throws SshFailure when the machine cannot be reached or fails; CommandError when the signal fired
 */
export async function probe(
  connections: Connections,
  vm: FleetVm,
  workspace: string,
  signal: AbortSignal,
): Promise<Probe> {
  await connections.open(vm, signal);
  const command = scriptCommand('probe', scriptText('probe'), [BUILD_ROOT, workspace]);
  const { stdout } = await connections.run(vm, { what: 'the probe', command, signal });
  return parseProbe(stdout);
}

/** Reads what `assets/cli/probe.sh` prints. Unknown words are ignored. */
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
