import type { FleetVm } from '../../model/fleet';
import { CommandError } from '../../process/run';
import { SshFailure } from '../../ssh/failure';
import type { LoadedFleet } from '../fleet-file';
import type { Connections } from '../ssh/connections';
import { later } from '../status/later';
import type { Problem } from '../status/report';
import type { Candidate } from './choose';
import { keyRefused } from './key-refused';
import { probe, type Probe } from './probe';
import type { Trouble } from './trouble';

/** Time for slower VMs after the first answer, and so the cost of a dead one. */
const GRACE_MS = 1000;

/** Longest that is waited while none has answered: an emulated VM that is busy takes its time. */
const PATIENCE_MS = 20_000;

/** Tools of {@link findCandidates}. */
export interface CandidateTools {
  readonly connections: Connections;
  readonly trouble: Trouble;
  readonly signal: AbortSignal;
}

/**
 * Asks every VM at the same time, and the hub where a GHC is wanted: it knows which each VM has. A VM that was found dead
 * a moment ago is not asked again, unless there is no other.
 */
export async function findCandidates(
  loaded: LoadedFleet,
  { workspace, wantsGhc }: { readonly workspace: string; readonly wantsGhc: boolean },
  tools: CandidateTools,
): Promise<readonly Candidate[]> {
  const { vms } = loaded.fleet;
  const ghcs = wantsGhc ? askHubForGhcs(loaded, tools.signal) : undefined;
  const dead = new Map(vms.map((vm) => [vm, tools.trouble.dead(vm)]));
  const asked = vms.filter((vm) => dead.get(vm) === undefined);
  const first = await probeAll(loaded, asked, workspace, tools);
  const found = [...first.values()].some((state) => 'probe' in state)
    ? first
    : await probeAll(loaded, vms, workspace, tools);
  const known = await ghcs;
  return vms.map((vm): Candidate => ({
    vm,
    ghcVersions: ghcVersionsOf(loaded, vm, known),
    state: found.get(vm) ?? { problem: unreachable(`did not answer: ${dead.get(vm) ?? ''}`) },
    recentFailures: tools.trouble.recentFailures(vm),
  }));
}

/** GHC versions of a VM, the default first. One whose entry is not in the hub has at least those of its image. */
export function ghcVersionsOf(
  loaded: LoadedFleet,
  vm: FleetVm,
  known: ReadonlyMap<FleetVm, readonly string[]> | undefined,
): readonly string[] {
  const ghcVersions = known?.get(vm) ?? [];
  return ghcVersions.length > 0 ? ghcVersions : imageGhcs(loaded, vm);
}

/** The versions that the hub knows of each VM. */
export async function askHubForGhcs(
  loaded: LoadedFleet,
  signal: AbortSignal,
): Promise<ReadonlyMap<FleetVm, readonly string[]>> {
  const { askHubForEntries, hubEntryOf } = later.hubEntries();
  const answer = await askHubForEntries(loaded, signal);
  const now = new Date();
  return new Map(loaded.fleet.vms.map((vm) => [vm, hubEntryOf(answer, vm, now).ghcVersions]));
}

type State = { readonly probe: Probe } | { readonly problem: Problem };

async function probeAll(
  loaded: LoadedFleet,
  vms: readonly FleetVm[],
  workspace: string,
  tools: CandidateTools,
): Promise<Map<FleetVm, State>> {
  const states = new Map<FleetVm, State>();
  const late = new AbortController();
  const signal = AbortSignal.any([tools.signal, late.signal]);
  let timer = setTimeout(() => {
    late.abort();
  }, PATIENCE_MS);
  try {
    await Promise.all(
      vms.map(async (vm) => {
        const state = await ask(loaded, vm, workspace, tools, signal);
        if ('probe' in state && ![...states.values()].some((other) => 'probe' in other)) {
          clearTimeout(timer);
          timer = setTimeout(() => {
            late.abort();
          }, GRACE_MS);
        }
        states.set(vm, state);
      }),
    );
  } finally {
    clearTimeout(timer);
  }
  tools.signal.throwIfAborted();
  return states;
}

async function ask(
  loaded: LoadedFleet,
  vm: FleetVm,
  workspace: string,
  tools: CandidateTools,
  signal: AbortSignal,
): Promise<State> {
  const begin = performance.now();
  try {
    const answer = await probe(tools.connections, vm, workspace, signal);
    tools.trouble.forgive(vm);
    return { probe: answer };
  } catch (error) {
    if (!(error instanceof SshFailure || error instanceof CommandError) && !signal.aborted) throw error;
    const seconds = Math.round((performance.now() - begin) / 100) / 10;
    const problem =
      error instanceof SshFailure && error.kind !== 'timed-out'
        ? (keyRefused(loaded.fleet, error) ?? unreachable(error.said || error.message))
        : unreachable(`no answer within ${seconds} s`);
    tools.trouble.remember(vm, problem.reason);
    return { problem };
  }
}

function unreachable(reason: string): Problem {
  return { reason, remedy: '`buildfleet status` says why and what to do' };
}

/** GHC versions of a VM's image. */
export function imageGhcs(loaded: LoadedFleet, vm: FleetVm): readonly string[] {
  return loaded.fleet.images.find((image) => image.id === vm.image)?.ghcVersions ?? [];
}
