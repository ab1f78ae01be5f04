import type { ImageFormat, NetworkKind } from '../model/hypervisor';

/** Facts about a hypervisor that hold before anything runs. Callers ask for the feature, never for the name. */
export interface HypervisorFeatures {
  /** As people write it: `VirtualBox`. */
  readonly title: string;
  /** What the disk of a VM is made from. */
  readonly imageFormat: ImageFormat;
  /** What a VM can be connected to; the first is the default. */
  readonly networks: readonly [NetworkFeature, ...NetworkFeature[]];
  /** Whether CPUs, memory and network can change only while the VM is off. */
  readonly hardwareNeedsPowerOff: boolean;
  /** Whether a VM's first start can be that of a machine which has booted already: `warmStart` of a host. */
  readonly warmStart: boolean;
  /** Debian packages that `make setup` installs, with their reasons in `packages.txt` of the hypervisor's folder. */
  readonly packages: readonly string[];
  /** Rendered for each VM, for reviewers and for use of the hypervisor without buildfleet. */
  readonly firstDeployScript: FirstDeployScript | null;
}

/** One kind of network that a hypervisor can give a VM. */
export interface NetworkFeature {
  readonly kind: NetworkKind;
  /** Address at which a VM finds the machine that runs it; null where both are on one network. */
  readonly hostAddress: string | null;
  /** Whether a VM can be kept from everything but the relay of the machine that runs it: `userNetwork` of a host. */
  readonly canIsolate: boolean;
}

/** Shell script that does by hand what a first deploy does. */
export interface FirstDeployScript {
  /** Name of the file in the VM's directory. */
  readonly file: string;
  readonly render: (vm: PlannedVm) => string;
}

/** A VM as it is known before it is made. */
export interface PlannedVm {
  readonly name: string;
  readonly fleet: string;
  /** Definition hash of the image. */
  readonly imageHash: string;
  /** Paths begin with `~/` or are absolute; `~` is the operator's home. */
  readonly imagePath: string;
  readonly vmDirectory: string;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly mac: string;
  readonly network: NetworkKind;
  /** Null leaves the choice of a bridged VM's adapter to the deploy. */
  readonly bridgeAdapter: string | null;
}
