import { isAbsolute, resolve } from 'node:path';
import { OWNER_KEY } from './arguments';
import { childOf, childrenOf, parseXml, type XmlElement } from '../../rendering/xml';

/** A device at one port of a controller. */
export interface AttachedDevice {
  readonly controller: string;
  readonly port: number;
  readonly device: number;
  readonly kind: 'disk' | 'dvd' | 'other';
  /** Null for an empty drive. */
  readonly mediumUuid: string | null;
  /** Absolute path of the medium; null when it is not known to this machine. */
  readonly location: string | null;
}

/** A machine's first network interface. */
export interface NetworkAdapter {
  readonly enabled: boolean;
  readonly cable: boolean;
  /** `virtio` where it is what the guest expects. */
  readonly type: string;
  /** Lowercase pairs with colons. */
  readonly mac: string;
  readonly attachment: 'nat' | 'bridged' | 'other';
  readonly bridgeAdapter: string | null;
  /** Whether 10.0.2.2 reaches the loopback of the host. */
  readonly reachesLoopback: boolean;
}

/** Content of a machine's settings file. VirtualBox rewrites it at every change. */
export interface MachineSettings {
  readonly uuid: string;
  readonly name: string;
  /** Value of the owner tag, null without one. */
  readonly owner: string | null;
  readonly memoryMib: number;
  readonly cpus: number;
  readonly adapter: NetworkAdapter;
  /** Name of the first SATA controller, null without one. */
  readonly sataController: string | null;
  readonly devices: readonly AttachedDevice[];
}

/**
 * Reads a `.vbox` file. Attributes that have their default are not in it.
 *
 * @param directory of the file, to which the locations of media are relative
 * @returns undefined for a file that is encrypted, cut off or of another kind
 */
export function parseSettingsFile(text: string, directory: string): MachineSettings | undefined {
  const machine = childOf(parseXml(text), 'Machine');
  const uuid = machine && bareUuid(machine.attributes['uuid']);
  const name = machine?.attributes['name'];
  if (uuid === undefined || name === undefined) return undefined;
  // The settings of snapshots look the same and lie deeper.
  const hardware = childOf(machine, 'Hardware');
  // Before 7.0 they stood beside the hardware.
  const storage = childOf(hardware, 'StorageControllers') ?? childOf(machine, 'StorageControllers');
  const controllers = childrenOf(storage, 'StorageController');
  const media = mediaOf(childOf(machine, 'MediaRegistry'), directory);
  const extradata = childrenOf(childOf(machine, 'ExtraData'), 'ExtraDataItem');
  return {
    uuid,
    name,
    owner: extradata.find((item) => item.attributes['name'] === OWNER_KEY)?.attributes['value'] ?? null,
    memoryMib: Number(childOf(hardware, 'Memory')?.attributes['RAMSize'] ?? 0),
    cpus: Number(childOf(hardware, 'CPU')?.attributes['count'] ?? 1),
    adapter: adapterOf(hardware),
    sataController: controllers.find(({ attributes }) => attributes['type'] === 'AHCI')?.attributes['name'] ?? null,
    devices: controllers.flatMap((controller) => devicesOf(controller, media)),
  };
}

function adapterOf(hardware: XmlElement | undefined): NetworkAdapter {
  const adapters = childrenOf(childOf(hardware, 'Network'), 'Adapter');
  const adapter = adapters.find(({ attributes }) => attributes['slot'] === '0');
  const { enabled, cable, type, MACAddress } = adapter?.attributes ?? {};
  // The settings of the other attachments are kept in DisabledModes.
  const [bridged, nat] = [childOf(adapter, 'BridgedInterface'), childOf(adapter, 'NAT')];
  return {
    enabled: enabled === 'true',
    cable: cable !== 'false',
    type: type ?? 'Am79C973',
    mac: (MACAddress ?? '').toLowerCase().match(/../g)?.join(':') ?? '',
    attachment: bridged ? 'bridged' : nat ? 'nat' : 'other',
    bridgeAdapter: bridged?.attributes['name'] ?? null,
    reachesLoopback: nat?.attributes['localhost-reachable'] === 'true',
  };
}

function mediaOf(registry: XmlElement | undefined, directory: string): ReadonlyMap<string, string> {
  const disks = (parent: XmlElement | undefined): XmlElement[] =>
    childrenOf(parent, 'HardDisk').flatMap((disk) => [disk, ...disks(disk)]);
  const all = [
    ...disks(childOf(registry, 'HardDisks')),
    ...childrenOf(childOf(registry, 'DVDImages'), 'Image'),
    ...childrenOf(childOf(registry, 'FloppyImages'), 'Image'),
  ];
  return new Map(
    all.flatMap(({ attributes: { uuid, location } }) => {
      const bare = bareUuid(uuid);
      if (bare === undefined || location === undefined) return [];
      return [[bare, isAbsolute(location) ? location : resolve(directory, location)]];
    }),
  );
}

const KINDS: Readonly<Record<string, AttachedDevice['kind']>> = { HardDisk: 'disk', DVD: 'dvd' };

function devicesOf(controller: XmlElement, media: ReadonlyMap<string, string>): AttachedDevice[] {
  return childrenOf(controller, 'AttachedDevice').map((attached) => {
    const { type = '', port, device } = attached.attributes;
    const mediumUuid = bareUuid(childOf(attached, 'Image')?.attributes['uuid']) ?? null;
    return {
      controller: controller.attributes['name'] ?? '',
      port: Number(port ?? 0),
      device: Number(device ?? 0),
      kind: KINDS[type] ?? 'other',
      mediumUuid,
      location: mediumUuid === null ? null : (media.get(mediumUuid) ?? null),
    };
  });
}

function bareUuid(text: string | undefined): string | undefined {
  return /^\{([0-9a-f-]{36})\}$/i.exec(text ?? '')?.[1]?.toLowerCase();
}
