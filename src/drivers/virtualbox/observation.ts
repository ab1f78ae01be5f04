import { existsSync } from 'node:fs';
import { type OwnerTag, parseOwnerTag } from './arguments';
import type { VmObservation } from '../driver';
import { mayExist } from './adapters';
import type { Machine } from './inventory';
import { powerOf } from './power';
import type { VmRecord } from './record';
import type { MachineSettings, NetworkAdapter } from './settings-file';

/** Owner of a machine; null when it carries no tag, or that of another machine, as a clone does. */
export function ownerOf(machine: Machine, record: VmRecord | undefined): OwnerTag | null {
  const tag = machine.settings?.owner == null ? undefined : parseOwnerTag(machine.settings.owner);
  if (tag?.machine === machine.uuid) return tag;
  // The tag of one that cannot be read was in its settings; its UUID has been written down elsewhere, too.
  if (machine.settings !== null || record?.machine !== machine.uuid) return null;
  return { fleet: record.fleet, vm: record.uuid, image: record.imageHash, machine: machine.uuid };
}

/** Whether there is a disk that the machine can be started from. */
export function hasDisk({ settings }: Machine): boolean {
  const disks = settings?.devices.filter(({ kind }) => kind === 'disk') ?? [];
  return disks.some(({ location }) => location !== null && existsSync(location));
}

/** Whether the seed lies in the drive. */
export function holdsSeed(settings: MachineSettings | null, seedPath: string): boolean {
  return settings?.devices.some(({ location }) => location === seedPath) ?? false;
}

/** Network of a machine, `none` where the guest has no usable one. */
export function networkOf(adapter: NetworkAdapter | undefined): Pick<VmObservation, 'network' | 'bridgeAdapter'> {
  if (adapter?.enabled === true && adapter.cable && adapter.type === 'virtio') {
    const { attachment, bridgeAdapter, reachesLoopback } = adapter;
    if (attachment === 'nat' && reachesLoopback) return { network: 'nat', bridgeAdapter: null };
    if (attachment === 'bridged' && bridgeAdapter !== null && mayExist(bridgeAdapter)) {
      return { network: 'bridged', bridgeAdapter };
    }
  }
  return { network: 'none', bridgeAdapter: adapter?.bridgeAdapter ?? null };
}

/** A machine in the terms that all drivers share. */
export function observe(name: string, machine: Machine, record: VmRecord | undefined, seedPath: string): VmObservation {
  const { settings, state, uuid } = machine;
  const owner = ownerOf(machine, record);
  return {
    name,
    uuid: owner?.vm ?? uuid,
    fleet: owner?.fleet ?? null,
    imageHash: owner !== null && hasDisk(machine) ? owner.image : null,
    imagePath: record?.imagePath ?? '',
    cpus: settings?.cpus ?? 0,
    memoryMib: settings?.memoryMib ?? 0,
    mac: settings?.adapter.mac ?? '',
    ...networkOf(settings?.adapter),
    power: powerOf(state),
    detail: `virtualbox state ${state}`,
    // A file that is there holds private keys, in the drive or not.
    seedAttached: holdsSeed(settings, seedPath) || existsSync(seedPath),
  };
}
