import { DEFAULT_HEARTBEAT_SECONDS } from '../../model/defaults';
import type { FleetVm } from '../../model/fleet';
import type { Run } from '../../process/run';
import { probeHostKey } from '../../ssh/host-key-probe';
import { fleetTarget } from '../../ssh/target';
import type { LoadedFleet } from '../fleet-file';
import { heartbeatSecondsFor, type HubAnswer, hubEntryOf } from './hub-entries';
import type { HubEntry, Tunnel } from './report';

/** Longest that the sshd of a VM may take to show its host key. */
const PROBE_SECONDS = 2;

/**
 * Milliseconds of silence after which the hub's entry decides, so that a hanging VM does not delay the whole answer. An
 * sshd that has sent anything is alive and is waited for.
 */
const PATIENCE_MS = 400;

/** Heartbeats after which the next one is overdue: one that is due, and half of one for what delays it. */
const OVERDUE_HEARTBEATS = 1.5;

/** Oldest heartbeat that proves life, however seldom they come. */
const RECENT_SECONDS = OVERDUE_HEARTBEATS * DEFAULT_HEARTBEAT_SECONDS;

/** Tools of a probe. */
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
  let sign: Sign | undefined;
  let timer: NodeJS.Timeout | undefined;
  const askTheHub = () => {
    void hub.then(
      (answer) => {
        const now = new Date();
        sign = signOf(hubEntryOf(answer, vm, now), heartbeatSecondsFor(answer, vm, now));
        if (timer !== undefined && sign !== undefined) enough.abort();
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
    const seen = await probeHostKey(run, fleetTarget(loaded.sshConfig, vm.name), options);
    if (!enough.signal.aborted || seen.state !== 'silent') return seen;
    return { state: sign === 'alive' ? 'slow' : 'silent', detail: `no answer in ${PATIENCE_MS / 1000} s` };
  } finally {
    clearTimeout(timer);
  }
}

type Sign = 'alive' | 'dead';

/**
 * State of a VM that has not answered yet, by its entry. Undefined where the hub does not say when the VM was last heard
 * of, and where that was long ago without the next heartbeat being overdue.
 */
function signOf({ state, heartbeatAgeSeconds: age }: HubEntry, heartbeatSeconds: number): Sign | undefined {
  if (state === 'missing') return 'dead';
  if (age === null) return undefined;
  if (state !== 'fresh' || age > OVERDUE_HEARTBEATS * heartbeatSeconds) return 'dead';
  return age <= RECENT_SECONDS ? 'alive' : undefined;
}
