import { setTimeout as pause } from 'node:timers/promises';
import { writeFileAtomically } from '../../../files/atomic';
import type { CapabilityQuery, HubClient } from '../../../hub/client';
import { instanceTitle, parseInstanceKeywords } from '../../../model/capability';
import { FleetError } from '../../../model/errors';
import type { Progress } from '../../../model/journal';
import { probeHostKey } from '../../../ssh/host-key-probe';
import { describePortOwner, listenersOn, type PortOwner, portOwner } from '../../../process/port-owner';
import type { Run } from '../../../process/run';
import type { HypervisorDriver } from '../../../drivers/driver';
import type { Logger } from '../../plugin/resource';
import { consoleTail } from './console-tail';
import { pinnedKeyFile, vmTarget } from './ssh-target';

/** Facts about a TCP port of this machine, read without a connection to it. */
export interface PortView {
  isListening(port: number): boolean;
  owner(port: number): PortOwner | null;
}

/** The real ports, from /proc. */
export const LOCAL_PORTS: PortView = { isListening: (port) => listenersOn(port).length > 0, owner: portOwner };

/** Conditions of a ready VM, and the means to check them. */
export interface Readiness {
  readonly name: string;
  readonly tunnelPort: number;
  /** `ssh-ed25519 AAAA…` that the VM's sshd must prove to have. */
  readonly hostPublicKey: string;
  /** Directory of the VM, for the pinned host key. */
  readonly directory: string;
  readonly hub: Pick<HubClient, 'list'>;
  readonly hubQuery: CapabilityQuery;
  readonly driver: Pick<HypervisorDriver, 'inspect' | 'consoleLog'>;
  readonly ports: PortView;
  readonly run: Run;
  readonly log: Logger;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly timeoutSeconds: number;
  /** Starts services of the workstation that have ended, without which no VM becomes ready. @returns whether any had */
  readonly reviveServices: () => Promise<boolean>;
  /** Heartbeat (see {@link lastHeartbeat}) that was there before the VM started, and so proves nothing about it. */
  readonly earlierHeartbeat: string | null;
}

/** Milliseconds between two looks. Looking costs the guest nothing: its sshd is asked only once its port listens. */
const INTERVAL = 200;

/** Seconds for one proof of the host key; an emulated guest that is still booting needs several. */
const PROBE_SECONDS = 15;

/** Milliseconds between two proofs that failed: sshd penalises a client that comes too often without logging in. */
const PROBE_INTERVAL = 3000;

/**
 * Waits until the tunnel port answers with the pinned host key and the VM's entry is in the State Hub.
 *
 * @throws FleetError with the end of the serial console when the VM stops running or the time is over.
 */
export async function waitUntilReady(readiness: Readiness): Promise<void> {
  const { name, log, progress, signal, timeoutSeconds } = readiness;
  const deadline = Date.now() + timeoutSeconds * 1000;
  const tunnel = tunnelWatch(readiness);
  let hub = 'not asked yet';
  let isTunnelUp = false;
  progress.step('waiting for the tunnel');
  for (;;) {
    await requireRunning(readiness);
    if (await readiness.reviveServices())
      log.warn('the services of the workstation had ended and are started', { vm: name });
    if (!isTunnelUp) {
      isTunnelUp = await tunnel.isUp();
      if (isTunnelUp) {
        progress.step('waiting for the hub entry');
        log.info('the tunnel is up', { vm: name, port: readiness.tunnelPort });
      }
    }
    if (isTunnelUp) {
      hub = await hubEntry(readiness);
      if (hub === FOUND) return;
    }
    if (Date.now() >= deadline) {
      throw notReady(readiness, `was not ready within ${timeoutSeconds} s`, [
        `tunnel port ${readiness.tunnelPort}: ${tunnel.seen()}`,
        `State Hub: ${hub}`,
      ]);
    }
    await pause(INTERVAL, undefined, { signal });
  }
}

/**
 * Refuses to start a VM whose tunnel port another program has: its tunnel could never open.
 *
 * @throws FleetError naming the program.
 */
export function requireFreePort(name: string, port: number, ports: PortView): void {
  const owner = ports.owner(port);
  // An sshd holds the far end of tunnels; only the host key tells to which VM a tunnel belongs.
  if (owner === null || owner.program === null || owner.program.startsWith('sshd')) return;
  throw new FleetError({
    code: 'tunnel-port-taken',
    problem: `the tunnel port of the VM is taken by ${describePortOwner(owner)}`,
    place: name,
    value: port,
    remedy: 'end that program, or give the VM another slot, then deploy again',
    attribute: 'tunnelPort',
  });
}

const FOUND = 'the entry is there';

function tunnelWatch(readiness: Readiness): { isUp(): Promise<boolean>; seen(): string } {
  const { name, tunnelPort, hostPublicKey, directory, ports, run, signal } = readiness;
  let seen = 'nothing listens';
  let nextProbe = 0;
  return {
    seen: () => seen,
    isUp: async () => {
      if (!ports.isListening(tunnelPort)) {
        seen = 'nothing listens';
        return false;
      }
      if (Date.now() < nextProbe) return false;
      requireFreePort(name, tunnelPort, ports);
      writeFileAtomically(pinnedKeyFile(directory), `${name} ${hostPublicKey}\n`, { mode: 0o600 });
      const target = vmTarget(name, tunnelPort, directory);
      const probe = await probeHostKey(run, target, { timeoutSeconds: PROBE_SECONDS, signal });
      nextProbe = Date.now() + PROBE_INTERVAL;
      seen = probe.detail === '' ? probe.state : `${probe.state} (${probe.detail})`;
      return probe.state === 'up';
    },
  };
}

/**
 * When the VM's entry in the hub changed last, by the hub's own clock; null where there is no entry, no such time or no
 * hub that answers.
 */
export async function lastHeartbeat(
  name: string,
  hub: Pick<HubClient, 'list'>,
  query: CapabilityQuery,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const entries = await hub.list({ ...query, title: instanceTitle(name) }, { signal });
    return entries.find((entry) => entry.title === instanceTitle(name))?.updated_at ?? null;
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

async function hubEntry(readiness: Readiness): Promise<string> {
  const { name, tunnelPort, hub, hubQuery, signal, earlierHeartbeat } = readiness;
  try {
    const entries = await hub.list({ ...hubQuery, title: instanceTitle(name) }, { signal });
    const own = entries.filter((entry) => entry.title === instanceTitle(name));
    if (own.length === 0) return 'no entry of the VM';
    const onPort = own.filter((entry) => parseInstanceKeywords(entry.keywords).tunnelPort === tunnelPort);
    if (onPort.length === 0) return `an entry of the VM without tunnel-port:${tunnelPort}`;
    const isFresh = onPort.some(({ updated_at }) => earlierHeartbeat === null || updated_at !== earlierHeartbeat);
    return isFresh ? FOUND : 'no heartbeat since the VM started';
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof Error ? error.message : String(error);
  }
}

async function requireRunning(readiness: Readiness): Promise<void> {
  const observed = await readiness.driver.inspect(readiness.name);
  if (observed?.power === 'running') return;
  const detail = observed?.detail ?? 'it is gone';
  if (detail.includes('io-error')) {
    throw notReady(readiness, 'was halted because its disk could not be written', [detail], 'free some disk space');
  }
  const problem = {
    stopped: 'switched itself off while it booted, as it does after a kernel panic',
    crashed: 'crashed while it booted',
    paused: 'was paused while it booted',
    gone: 'is gone',
    running: '',
  }[observed?.power ?? 'gone'];
  throw notReady(readiness, problem, [detail]);
}

function notReady(
  readiness: Readiness,
  problem: string,
  seen: readonly string[],
  first = 'correct the cause',
): FleetError {
  const { name, driver } = readiness;
  const lines = consoleTail(driver.consoleLog(name));
  const tail = lines.length === 0 ? 'its serial console is empty' : 'the end of its serial console:';
  return new FleetError({
    code: 'vm-not-ready',
    problem: [`the VM ${problem}; ${seen.join('; ')}; ${tail}`, ...lines.map((line) => `  | ${line}`), ''].join('\n'),
    place: name,
    remedy: `${first} and deploy again; the whole console is in ${driver.consoleLog(name)}`,
  });
}
