import { HEARTBEAT_SECONDS } from '../../model/capability';
import type { FleetVm } from '../../model/fleet';
import { probeHostKey } from '../../process/host-key-probe';
import type { Run } from '../../process/run';
import type { LoadedFleet } from '../fleet-file';
import { type HubAnswer, hubEntryOf } from './hub-entries';
import type { HubEntry, Tunnel } from './report';

/** Longest that the sshd of a VM may take to show its host key. */
const PROBE_SECONDS = 2;

/**
 * Milliseconds of silence after which the hub's word will do, so that a VM that hangs does not hold up the whole answer.
 * An sshd that has said anything is waited for: it lives.
 */
const PATIENCE_MS = 400;

/** A heartbeat that is due, and half a one for whatever delays it. */
const ALIVE_SECONDS = 1.5 * HEARTBEAT_SECONDS;

/** What a probe works with. */
export interface TunnelProbeTools {
  readonly run: Run;
  readonly signal: AbortSignal;
}

/**
 * Tries the tunnel of a VM. An emulated VM under load can take seconds to answer, and one that hangs never does; what
 * tells them apart sooner is the heartbeat that came through the same tunnel. So the probe is ended as soon as that is
 * known, and goes on where there is no hub to ask.
 */
export async function probeTunnel(
  loaded: LoadedFleet,
  vm: FleetVm,
  hub: Promise<HubAnswer>,
  { run, signal }: TunnelProbeTools,
): Promise<Tunnel> {
  const enough = new AbortController();
  let entry: HubEntry | undefined;
  let timer: NodeJS.Timeout | undefined;
  const askTheHub = () => {
    void hub.then(
      (answer) => {
        entry = hubEntryOf(answer, vm, new Date());
        if (timer !== undefined && tellsOfLife(entry)) enough.abort();
      },
      () => undefined,
    );
  };
  const onStep = (step: 'connected' | 'greeted') => {
    clearTimeout(timer);
    timer = step === 'connected' ? setTimeout(askTheHub, PATIENCE_MS) : undefined;
  };
  try {
    const options = { timeoutSeconds: PROBE_SECONDS, enough: enough.signal, onStep, signal };
    const seen = await probeHostKey(run, ['-F', loaded.sshConfig, '--', vm.name], options);
    if (!enough.signal.aborted || seen.state !== 'silent') return seen;
    return { state: isAlive(entry) ? 'slow' : 'silent', detail: `no answer in ${PATIENCE_MS / 1000} s` };
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the hub knows when the VM was last heard of, or that it never was. */
function tellsOfLife(entry: HubEntry): boolean {
  return entry.state === 'missing' || entry.heartbeatAgeSeconds !== null;
}

function isAlive(entry: HubEntry | undefined): boolean {
  return entry?.state === 'fresh' && (entry.heartbeatAgeSeconds ?? Infinity) <= ALIVE_SECONDS;
}
