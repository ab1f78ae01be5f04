import { SATA_CONTROLLER } from '../../drivers/virtualbox/arguments';
import { element, renderXml, textElement, type XmlElement } from '../../rendering/xml';

/** Guest types by VirtualBox's name, with CIM's number for other readers. */
const GUESTS = { Debian_64: 96, Ubuntu_64: 94 } as const;
export type OvfGuest = keyof typeof GUESTS;

/** One machine with one disk, as an appliance describes it. */
export interface OvfAppliance {
  /** Suggested name of the machine. */
  readonly name: string;
  readonly guest: OvfGuest;
  readonly cpus: number;
  readonly memoryMib: number;
  /** Only has to be there: an import gives the machine a new one. */
  readonly machineUuid: string;
  readonly disk: {
    /** A streamOptimized VMDK beside the descriptor. */
    readonly fileName: string;
    readonly fileBytes: number;
    /** What the guest sees. */
    readonly capacityBytes: number;
    /** Ties the file to its place at the controller; an import gives the disk a new one. */
    readonly uuid: string;
  };
}

const NAMESPACES = {
  xmlns: 'http://schemas.dmtf.org/ovf/envelope/1',
  'xmlns:ovf': 'http://schemas.dmtf.org/ovf/envelope/1',
  'xmlns:rasd': 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData',
  'xmlns:vssd': 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData',
  'xmlns:vbox': 'http://www.virtualbox.org/ovf/machine',
};

const STREAM_OPTIMIZED = 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized';
/** Kinds of virtual hardware, of CIM's ResourceType. */
const RESOURCE = { cpu: 3, memory: 4, ethernet: 10, disk: 17, storageController: 20 } as const;
/** References inside the descriptor. */
const [FILE_ID, DISK_ID, NETWORK] = ['file1', 'vmdisk1', 'NAT'];
const CONTROLLER = 3;
/** Settings format of VirtualBox 7.0, the oldest that is supported. */
const SETTINGS_VERSION = '1.19-linux';

/** The descriptor of an appliance: OVF 1.0, and for VirtualBox what OVF has no words for. */
export function renderOvf(appliance: OvfAppliance): string {
  const { name, guest, disk } = appliance;
  const file = { 'ovf:id': FILE_ID, 'ovf:href': disk.fileName, 'ovf:size': disk.fileBytes };
  return renderXml(
    element('Envelope', { 'ovf:version': '1.0', 'xml:lang': 'en-US', ...NAMESPACES }, [
      element('References', {}, [element('File', file)]),
      element('DiskSection', {}, [
        textElement('Info', 'Virtual disks'),
        element('Disk', {
          'ovf:diskId': DISK_ID,
          'ovf:fileRef': FILE_ID,
          'ovf:format': STREAM_OPTIMIZED,
          'ovf:capacity': disk.capacityBytes,
          'vbox:uuid': disk.uuid,
        }),
      ]),
      element('NetworkSection', {}, [
        textElement('Info', 'Logical networks'),
        element('Network', { 'ovf:name': NETWORK }, [textElement('Description', 'Reaches others through its host')]),
      ]),
      element('VirtualSystem', { 'ovf:id': name }, [
        textElement('Info', 'A machine that builds Haskell programs'),
        element('OperatingSystemSection', { 'ovf:id': GUESTS[guest] }, [
          textElement('Info', 'Guest operating system'),
          textElement('Description', guest),
          textElement('vbox:OSType', guest, { 'ovf:required': 'false' }),
        ]),
        hardwareSection(appliance),
        virtualBoxMachine(appliance),
      ]),
    ]),
  );
}

function hardwareSection({ name, cpus, memoryMib }: OvfAppliance): XmlElement {
  return element('VirtualHardwareSection', {}, [
    textElement('Info', 'Virtual hardware'),
    element('System', {}, [
      textElement('vssd:ElementName', 'Virtual Hardware Family'),
      textElement('vssd:InstanceID', 0),
      textElement('vssd:VirtualSystemIdentifier', name),
      textElement('vssd:VirtualSystemType', 'virtualbox-2.2'),
    ]),
    item({ ElementName: `${cpus} virtual CPUs`, InstanceID: 1, ResourceType: RESOURCE.cpu, VirtualQuantity: cpus }),
    item({
      AllocationUnits: 'byte * 2^20',
      ElementName: `${memoryMib} MiB of memory`,
      InstanceID: 2,
      ResourceType: RESOURCE.memory,
      VirtualQuantity: memoryMib,
    }),
    item({
      Address: 0,
      ElementName: 'SATA controller',
      InstanceID: CONTROLLER,
      ResourceSubType: 'AHCI',
      ResourceType: RESOURCE.storageController,
    }),
    item({
      AddressOnParent: 0,
      ElementName: 'disk',
      HostResource: `ovf:/disk/${DISK_ID}`,
      InstanceID: 4,
      Parent: CONTROLLER,
      ResourceType: RESOURCE.disk,
    }),
    // Not VirtualBox's usual card, for which Debian's cloud kernel has no driver.
    item({
      AutomaticAllocation: 'true',
      Connection: NETWORK,
      ElementName: 'Ethernet adapter',
      InstanceID: 5,
      ResourceSubType: 'virtio',
      ResourceType: RESOURCE.ethernet,
    }),
  ]);
}

/** One piece of hardware. The schema wants the properties in alphabetical order, and Caption, which VirtualBox reads. */
function item(properties: Readonly<Record<string, string | number>> & { readonly ElementName: string }): XmlElement {
  const all = Object.entries({ ...properties, Caption: properties.ElementName });
  const sorted = all.sort(([a], [b]) => (a < b ? -1 : 1));
  return element(
    'Item',
    {},
    sorted.map(([name, value]) => textElement(`rasd:${name}`, value)),
  );
}

/** What VirtualBox takes instead of its own defaults, which differ between its versions. */
function virtualBoxMachine({ name, guest, cpus, memoryMib, machineUuid, disk }: OvfAppliance): XmlElement {
  const boot = ['HardDisk', 'None', 'None', 'None'].map((device, index) =>
    element('Order', { position: index + 1, device }),
  );
  return element(
    'vbox:Machine',
    { 'ovf:required': 'false', version: SETTINGS_VERSION, uuid: `{${machineUuid}}`, name, OSType: guest },
    [
      textElement('ovf:Info', 'Settings of VirtualBox'),
      element('Hardware', {}, [
        element('CPU', { count: cpus }, [element('PAE', { enabled: 'true' })]),
        element('Memory', { RAMSize: memoryMib }),
        element('Chipset', { type: 'ICH9' }),
        element('Boot', {}, boot),
        element('Display', { controller: 'VMSVGA', VRAMSize: 16 }),
        element('BIOS', {}, [element('IOAPIC', { enabled: 'true' })]),
        element('RTC', { localOrUTC: 'UTC' }),
        element('Network', {}, [
          element('Adapter', { slot: 0, enabled: 'true', type: 'virtio' }, [
            // 10.0.2.2 is then the host itself, where tunnels end, and not only the host's network.
            element('NAT', { 'localhost-reachable': 'true' }),
          ]),
        ]),
        element('AudioAdapter', { enabled: 'false' }),
      ]),
      element('StorageControllers', {}, [
        // The second port takes a seed.
        element('StorageController', { name: SATA_CONTROLLER, type: 'AHCI', PortCount: 2, Bootable: 'true' }, [
          element('AttachedDevice', { type: 'HardDisk', port: 0, device: 0 }, [
            element('Image', { uuid: `{${disk.uuid}}` }),
          ]),
        ]),
      ]),
    ],
  );
}
