import { setTimeout as pause } from 'node:timers/promises';
import type { HubClient } from '../../../hub/client';
import { heartbeatAgeSeconds, instanceTitle } from '../../../model/capability';
import type { State } from '../../../model/resource-shape';
import type { vmShape } from '../../../model/resources/vm';
import { durationText } from '../../../model/units';
import type { PortView } from './readiness';

/** Seconds without a heartbeat after which a closed tunnel is not expected to come back by itself: a boot takes less. */
const DEAD_SECONDS = 300;

/** Heartbeats in a row that are missing then, too. */
const MISSED_HEARTBEATS = 3;

/** Seconds that a tunnel gets to come back before its VM is started again, as it does after the workstation has slept. */
const LAST_CHANCE = 30;

const REASON = 'its tunnel is closed, and ';

/**
 * Why the tunnel of a running VM is not going to come back by itself; undefined while it may, and where the hub cannot
 * be asked. It then takes another start of the VM.
 */
export async function deadTunnel(
  { name, tunnelPort, relay, hub: { domain, capabilityType }, heartbeatSeconds }: State<typeof vmShape>,
  ports: PortView,
  hub: Pick<HubClient, 'list'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  // Without the sshd no tunnel is open; all come back with it.
  if (ports.isListening(tunnelPort) || !ports.isListening(relay.port)) return undefined;
  let entries;
  try {
    entries = await hub.list({ domain, capabilityType }, { signal });
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
  const entry = entries.find(({ title }) => title === instanceTitle(name));
  if (entry === undefined) return `${REASON}the State Hub has no entry of the VM`;
  const age = heartbeatAgeSeconds(entry, new Date());
  if (age === undefined || age < Math.max(DEAD_SECONDS, MISSED_HEARTBEATS * heartbeatSeconds)) return undefined;
  return `${REASON}its last heartbeat is ${durationText(Math.round(age))} old`;
}

/** Whether a problem is one of {@link deadTunnel}: the guest may be well, and is asked to power off. */
export function isDeadTunnel(problem: string): boolean {
  return problem.startsWith(REASON);
}

/** Whether a problem is one of {@link deadTunnel} that has gone since it was found, or goes soon. */
export async function tunnelCameBack(
  {
    problem,
    tunnelPort,
    readyTimeoutSeconds,
  }: Pick<State<typeof vmShape>, 'problem' | 'tunnelPort' | 'readyTimeoutSeconds'>,
  ports: PortView,
  signal: AbortSignal,
): Promise<boolean> {
  if (!isDeadTunnel(problem)) return false;
  const deadline = Date.now() + Math.min(LAST_CHANCE, readyTimeoutSeconds) * 1000;
  while (!ports.isListening(tunnelPort)) {
    if (Date.now() >= deadline) return false;
    await pause(500, undefined, { signal });
  }
  return true;
}
