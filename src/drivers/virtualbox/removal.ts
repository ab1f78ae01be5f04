import { dirname, sep } from 'node:path';
import {
  deleteMachineArguments,
  deleteMediumArguments,
  detachArguments,
  forgetMachineArguments,
  forgetMediumArguments,
  listArguments,
  type MediumType,
} from './arguments';
import { VBoxManageError, type VBoxManage } from './client';
import type { Machine } from './inventory';
import { parseMedia, parseVmList } from './output';

/**
 * Takes a machine that is off out of VirtualBox, with the disks that came with it. Disks that were attached from
 * elsewhere are detached first: `--delete` would delete them.
 */
export async function unregister(client: VBoxManage, machine: Machine, signal: AbortSignal): Promise<void> {
  const { uuid, settings, configFile } = machine;
  if (settings === null) {
    // `--delete` would take it out and then fail on what it cannot read.
    await client.change(forgetMachineArguments(uuid), signal);
    return;
  }
  const home = dirname(configFile);
  for (const { controller, port, device, kind, location } of settings.devices) {
    if (kind !== 'disk' || location === null || isBelow(home, location)) continue;
    await client.change(detachArguments(uuid, { controller, port, device }), signal);
  }
  try {
    await client.change(deleteMachineArguments(uuid), signal);
  } catch (error) {
    // With a disk that is in use it fails after the machine is gone; its media are looked after next.
    if (!(error instanceof VBoxManageError) || (await isRegistered(client, uuid, signal))) throw error;
  }
}

const LISTS = { disk: 'disks', dvd: 'dvds' } as const;

/** Deletes the media below a directory that VirtualBox still knows, those that lie on others first. */
export async function forgetMedia(client: VBoxManage, directory: string, signal: AbortSignal): Promise<void> {
  for (const type of ['disk', 'dvd'] as const) {
    const media = parseMedia(await client.list(listArguments(LISTS[type]), signal));
    const depth = (uuid: string | null): number => {
      const parent = media.find((medium) => medium.uuid === uuid)?.parentUuid;
      return parent == null ? 0 : 1 + depth(parent);
    };
    const ours = media.filter(({ location }) => isBelow(directory, location));
    for (const { uuid } of ours.sort((a, b) => depth(b.uuid) - depth(a.uuid))) {
      await closeMedium(client, type, uuid, signal);
    }
  }
}

async function closeMedium(client: VBoxManage, type: MediumType, uuid: string, signal: AbortSignal): Promise<void> {
  try {
    await client.change(deleteMediumArguments(type, uuid), signal);
  } catch (error) {
    if (!(error instanceof VBoxManageError)) throw error;
    // Gone since it was listed; VirtualBox then takes its id for a path, and says something about that.
    if (!(await isKnown(client, type, uuid, signal))) return;
    // One whose file is gone cannot be deleted, only forgotten.
    await client.change(forgetMediumArguments(type, uuid), signal);
  }
}

async function isKnown(client: VBoxManage, type: MediumType, uuid: string, signal: AbortSignal): Promise<boolean> {
  return parseMedia(await client.list(listArguments(LISTS[type]), signal)).some((medium) => medium.uuid === uuid);
}

async function isRegistered(client: VBoxManage, uuid: string, signal: AbortSignal): Promise<boolean> {
  return parseVmList(await client.list(listArguments('machines'), signal)).some((vm) => vm.uuid === uuid);
}

export function isBelow(directory: string, path: string): boolean {
  return path.startsWith(directory + sep);
}
