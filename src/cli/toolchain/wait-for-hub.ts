import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetVm } from '../../model/fleet';
import type { LoadedFleet } from '../fleet-file';
import { askHubForEntries, heartbeatSecondsFor, type HubAnswer, hubEntryOf } from '../status/hub-entries';

/** Longest delay of the heartbeat that reports the VM's toolchain. */
const DELAY_MS = 15_000;
const PAUSE_MS = 500;

/**
 * Waits until a VM's entry in the State Hub shows a GHC, or until the signal fires.
 *
 * @param longestMs default: until a heartbeat must have come
 * @returns whether it does
 */
export async function waitForGhcInHub(
  loaded: LoadedFleet,
  vm: FleetVm,
  version: string,
  signal: AbortSignal,
  longestMs?: number,
): Promise<boolean> {
  const begin = performance.now();
  while (!signal.aborted) {
    const answer = await askUntilAborted(loaded, signal);
    if (answer === undefined) break;
    const now = new Date();
    if (hubEntryOf(answer, vm, now).ghcVersions.includes(version)) return true;
    if (performance.now() - begin > (longestMs ?? heartbeatSecondsFor(answer, vm, now) * 1000 + DELAY_MS)) break;
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
  return false;
}

async function askUntilAborted(loaded: LoadedFleet, signal: AbortSignal): Promise<HubAnswer | undefined> {
  try {
    return await askHubForEntries(loaded, signal);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}
