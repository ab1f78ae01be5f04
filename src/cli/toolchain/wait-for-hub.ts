import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetVm } from '../../model/fleet';
import type { LoadedFleet } from '../fleet-file';
import { askHubForEntries, hubEntryOf } from '../status/hub-entries';

/** Longer than a heartbeat, with which the VM tells what it has. */
const LONGEST_MS = 45_000;
const PAUSE_MS = 500;

/** Waits until a VM's entry in the State Hub shows a GHC, or until the signal fires. @returns whether it does */
export async function waitForGhcInHub(
  loaded: LoadedFleet,
  vm: FleetVm,
  version: string,
  signal: AbortSignal,
  longestMs = LONGEST_MS,
): Promise<boolean> {
  const end = performance.now() + longestMs;
  while (!signal.aborted) {
    if (await isInHub(loaded, vm, version, signal)) return true;
    if (performance.now() > end) break;
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
  return false;
}

async function isInHub(loaded: LoadedFleet, vm: FleetVm, version: string, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await askHubForEntries(loaded.fleet.hub, signal);
    return hubEntryOf(answer, vm, new Date()).ghcVersions.includes(version);
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
