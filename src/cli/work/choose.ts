import type { FleetVm } from '../../model/fleet';
import type { Problem } from '../status/report';
import type { Probe } from './probe';

/** A VM and what is known about it when one has to be chosen. */
export interface Candidate {
  readonly vm: FleetVm;
  /** The default first. */
  readonly ghcVersions: readonly string[];
  /** The machine's answer, or why it cannot be asked. */
  readonly state: { readonly probe: Probe } | { readonly problem: Problem };
  /** How often it was lost lately. */
  readonly recentFailures: number;
}

/** Why a VM was not taken. */
export interface PassedOver extends Problem {
  readonly vm: FleetVm;
}

/** The VM to build on, and why the others are not. `chosen` is undefined when none can be used. */
export interface Choice {
  readonly chosen:
    | { readonly vm: FleetVm; readonly reason: string; readonly probe: Probe; readonly ghcVersion: string | undefined }
    | undefined;
  readonly passedOver: readonly PassedOver[];
}

/**
 * How much busier, in running processes a processor, a VM may be than another one and still be taken because it has the
 * project: to compile everything anew costs more than to share the processors with two others.
 */
const PROJECT_THERE = 2;

/** Less free memory than a GHC with a large module needs. */
const LITTLE_MEMORY_MIB = 512;

/**
 * The least loaded VM with the wanted GHC; one that has the project already may be {@link PROJECT_THERE} busier.
 *
 * @param wantedGhc a version, or the begin of one up to a dot; undefined: any
 */
export function choose(candidates: readonly Candidate[], wantedGhc: string | undefined): Choice {
  const passedOver: PassedOver[] = [];
  const usable: { candidate: Candidate; probe: Probe; ghcVersion: string | undefined; score: number }[] = [];
  for (const candidate of candidates) {
    const { vm, state } = candidate;
    const ghcVersion = wantedGhc === undefined ? undefined : matchingGhc(candidate.ghcVersions, wantedGhc);
    if ('problem' in state) passedOver.push({ vm, ...state.problem });
    else if (wantedGhc !== undefined && ghcVersion === undefined)
      passedOver.push({ vm, ...lacksGhc(vm, candidate.ghcVersions, wantedGhc, state.probe) });
    else if (state.probe.draining) passedOver.push({ vm, ...DRAINING });
    else usable.push({ candidate, probe: state.probe, ghcVersion, score: score(candidate, state.probe) });
  }
  const [best, ...others] = usable.sort((one, other) => one.score - other.score);
  if (best === undefined) return { chosen: undefined, passedOver };
  for (const { candidate, probe } of others) {
    passedOver.push({ vm: candidate.vm, reason: describe(candidate, probe), remedy: '' });
  }
  const { candidate, probe, ghcVersion } = best;
  return { chosen: { vm: candidate.vm, reason: describe(candidate, probe), probe, ghcVersion }, passedOver };
}

/**
 * Whether a VM that has the project need not be compared with others: none that lacks it could be preferred.
 */
export function isBeyondComparison(candidate: Pick<Candidate, 'recentFailures'>, probe: Probe): boolean {
  return probe.workspaceUsed !== undefined && !probe.draining && score(candidate, probe) < 0;
}

const DRAINING: Problem = {
  reason: 'takes no new builds, because a deploy is about to stop it',
  remedy: 'wait for the deploy',
};

function score({ recentFailures }: Pick<Candidate, 'recentFailures'>, probe: Probe): number {
  return (
    probe.load / probe.cpus +
    probe.building.length / probe.cpus +
    (probe.memoryFreeMib < LITTLE_MEMORY_MIB ? 1 : 0) +
    recentFailures / 2 -
    (probe.workspaceUsed === undefined ? 0 : PROJECT_THERE)
  );
}

export function describe({ recentFailures }: Pick<Candidate, 'recentFailures'>, probe: Probe): string {
  return [
    `load ${probe.load.toFixed(2)} on ${probe.cpus} CPU${probe.cpus === 1 ? '' : 's'}`,
    ...(probe.building.length === 0 ? [] : [`${probe.building.length} building`]),
    ...(probe.memoryFreeMib < LITTLE_MEMORY_MIB ? [`only ${probe.memoryFreeMib} MiB of memory free`] : []),
    ...(recentFailures === 0 ? [] : [`lost ${recentFailures} time${recentFailures === 1 ? '' : 's'} lately`]),
    ...(probe.workspaceUsed === undefined ? [] : ['has this project']),
  ].join(', ');
}

/** The first of these versions that is the wanted one, or begins with it up to a dot. */
export function matchingGhc(versions: readonly string[], wanted: string): string | undefined {
  return versions.find((version) => version === wanted || version.startsWith(`${wanted}.`));
}

/** A version as GHCup names it, not the begin of one. */
const FULL_VERSION = /^\d+\.\d+\.\d+$/;

/** Why a VM with other versions cannot be taken, and what can be had there: a distribution has one GHC. */
export function lacksGhc(
  vm: FleetVm,
  versions: readonly string[],
  wanted: string,
  { hasGhcup }: Pick<Probe, 'hasGhcup'>,
): Problem {
  const [first] = versions;
  const has = first === undefined ? 'no GHC' : `GHC ${versions.join(', ')}`;
  const instead = first === undefined ? '' : `, or take what is there: --ghc ${first}`;
  const addable = FULL_VERSION.test(wanted)
    ? `have GHCup install it, if it has it: \`buildfleet add-ghc --vm ${vm.id} ${wanted}\``
    : `have GHCup install one of its versions, named in full: \`buildfleet add-ghc --vm ${vm.id} VERSION\``;
  const other = 'give the image a toolchain from GHCup in main.ts, because its distribution has no other version';
  return { reason: `has ${has}, and not ${wanted}`, remedy: `${hasGhcup ? addable : other}${instead}` };
}
