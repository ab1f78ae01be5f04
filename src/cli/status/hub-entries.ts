import { createHubClient } from '../../hub/client';
import {
  type Capability,
  freshness,
  heartbeatAgeSeconds,
  heartbeatSecondsOf,
  instanceTitle,
  isTypeEntry,
  parseInstanceFacts,
  parseInstanceKeywords,
} from '../../model/capability';
import type { ErrorCode } from '../../model/error-codes';
import { isFleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import type { LoadedFleet } from '../fleet-file';
import type { Facts, HubEntry } from './report';

/** Longest that a hub on this machine may take. */
const TIMEOUT_MS = 2000;

/** The hub's entries of the fleet's machines. */
export interface HubAnswer {
  readonly url: string;
  readonly reachable: boolean;
  /** Whether something answers there, though it cannot be read. */
  readonly answers: boolean;
  /** Why it is not reachable; empty when it is. */
  readonly detail: string;
  /** Entries of machines; the type's own entry is left out. */
  readonly entries: readonly Capability[];
}

/** Errors of a hub that does not run, is stuck, or cannot be reached. After all others something has answered. */
const SILENT: readonly ErrorCode[] = ['hub-refused', 'hub-unreachable', 'hub-timeout'];

/** Asks the fleet's hub once. A hub that cannot be asked is an answer. */
export async function askHubForEntries(
  { fleet: { hub }, paths: { services } }: Pick<LoadedFleet, 'fleet' | 'paths'>,
  signal: AbortSignal,
): Promise<HubAnswer> {
  try {
    const client = createHubClient({ url: hub.url, services, timeoutMs: TIMEOUT_MS });
    const entries = await client.list({ capabilityType: hub.capabilityType, domain: hub.domain }, { signal });
    const ofMachines = entries.filter((entry) => !isTypeEntry(entry));
    return { url: hub.url, reachable: true, answers: true, detail: '', entries: ofMachines };
  } catch (error) {
    if (!isFleetError(error)) throw error;
    const answers = !SILENT.includes(error.code);
    return { url: hub.url, reachable: false, answers, detail: error.problem, entries: [] };
  }
}

/** The state of one machine's entry. Of several with its title the one written last counts. */
export function hubEntryOf(
  answer: HubAnswer,
  vm: Pick<FleetVm, 'name' | 'tunnelPort' | 'heartbeatSeconds'>,
  now: Date,
): HubEntry {
  const none = { heartbeatAgeSeconds: null, ghcVersions: [] };
  if (!answer.reachable) return { state: answer.answers ? 'hub-unreadable' : 'hub-down', ...none };
  const entry = lastWritten(answer, vm, now);
  if (entry === undefined) return { state: 'missing', ...none };
  const facts = parseInstanceKeywords(entry.keywords);
  const fresh = freshness(entry, now, heartbeatSecondsFor(answer, vm, now));
  const seconds = heartbeatAgeSeconds(entry, now);
  return {
    state: facts.tunnelPort !== vm.tunnelPort ? 'wrong-port' : fresh === 'unknown' ? 'unknown-age' : fresh,
    heartbeatAgeSeconds: seconds === undefined ? null : Math.max(0, Math.round(seconds)),
    ghcVersions: facts.ghcVersions,
  };
}

/** Seconds between two heartbeats of a machine: as its fleet says, else as its entry says, else the default. */
export function heartbeatSecondsFor(
  answer: HubAnswer,
  vm: Pick<FleetVm, 'name' | 'heartbeatSeconds'>,
  now: Date,
): number {
  return vm.heartbeatSeconds ?? heartbeatSecondsOf(lastWritten(answer, vm, now) ?? {});
}

/** Facts of one machine's last heartbeat. */
export function factsOf(answer: HubAnswer, vm: { readonly name: string }, now: Date): Facts {
  const facts = parseInstanceFacts(lastWritten(answer, vm, now)?.description ?? '');
  return {
    cpus: facts.cpus ?? null,
    load: facts.load ?? null,
    memoryMib: facts.memoryMib ?? null,
    memoryFreeMib: facts.memoryFreeMib ?? null,
    diskFreeMib: facts.diskFreeMib ?? null,
    uptimeSeconds: facts.uptimeSeconds ?? null,
    clockAheadSeconds: facts.clockAheadSeconds ?? null,
    builds: facts.builds === undefined ? null : [...facts.builds],
  };
}

function lastWritten(answer: HubAnswer, vm: { readonly name: string }, now: Date): Capability | undefined {
  const age = (entry: Capability) => heartbeatAgeSeconds(entry, now) ?? Infinity;
  return answer.entries
    .filter(({ title }) => title === instanceTitle(vm.name))
    .sort((one, other) => age(one) - age(other))[0];
}
