import type { FleetVm } from '../../model/fleet';
import { BUILD_ROOT } from '../project/workspace';
import type { Connections } from '../ssh/connections';
import { scriptCommand } from '../ssh/remote-command';
import { scriptText } from './script';

/** Present state of a machine, as it reports it and within what is possible. */
export interface Probe {
  /** Load average of the last minute, up to {@link HIGHEST_LOAD}, which is also that of a machine that names none. */
  readonly load: number;
  /** As the fleet has it, not as the machine says. */
  readonly cpus: number;
  readonly memoryFreeMib: number;
  /** When the workspace that was asked for was last used, in seconds since 1970; undefined when it is not there. */
  readonly workspaceUsed: number | undefined;
  /** Names of the workspaces that are being built. */
  readonly building: readonly string[];
  readonly draining: boolean;
  /** Whether GHCup is there, which has more versions of GHC than one. */
  readonly hasGhcup: boolean;
}

/** A higher load is not believed. */
const HIGHEST_LOAD = 10_000;

/** More builds at a time are not believed. */
const MOST_BUILDS = 1000;

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
  return parseProbe(stdout, vm);
}

/**
 * Reads what `assets/cli/probe.sh` prints. Words that are not known say nothing, and numbers that cannot be speak against
 * the machine: a value that wins every comparison is no reason to choose it.
 */
export function parseProbe(text: string, { cpus, memoryMib }: Pick<FleetVm, 'cpus' | 'memoryMib'>): Probe {
  const values = (word: string) =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${word} `))
      .map((line) => line.slice(word.length + 1));
  const number = (word: string, most: number) => {
    const value = values(word)[0] ?? '';
    return /^\d{1,15}(\.\d{1,15})?$/.test(value) ? Math.min(Number(value), most) : undefined;
  };
  return {
    load: number('load', HIGHEST_LOAD) ?? HIGHEST_LOAD,
    cpus,
    memoryFreeMib: number('memory-free', memoryMib) ?? 0,
    workspaceUsed: number('workspace', Date.now() / 1000),
    building: values('building').slice(0, MOST_BUILDS),
    draining: text.split('\n').includes('draining'),
    hasGhcup: text.split('\n').includes('ghcup'),
  };
}
